"""Every page: light, dark, wide and narrow, without findings of axe; and the API reference."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.conftest import System
from tests.dashboard.visit import Visit

WIDER_THAN_ITS_WINDOW = "document.documentElement.scrollWidth > innerWidth"
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
FINDINGS = """async (options) => (await axe.run(options ?? {})).violations.map((found) => (
  `${found.id}: ${found.nodes.map((node) => node.html.slice(0, 200)).join(" | ")}`))"""


@pytest.fixture(scope="module")
def pages(system: System) -> Iterator[list[str]]:
    """The address of every page, with something on it, among that a word that does not fit."""
    cluster, long = system.cluster, "a" * 120
    http = cluster.http
    job = cluster.submit(
        name="hostile", queue=long, payload={"text": "word " * 3 + "x" * 300}, tags={"a": "b" * 64}
    )
    node = {"name": "scripted", "payload": {}}
    nodes = {"a": {"job": node}, "b": {"job": node, "depends_on": ["a"]}}
    flow = http.post(
        "/v1/flows", json={"name": "f" * 60, "jobs": nodes}, headers={"Prefer": "wait=20"}
    ).json()
    fan_out = http.post("/v1/fan-outs", json={"template": node, "items": [{}, {}]}).json()
    http.put(f"/v1/schedules/{long[:64]}", json={"every_seconds": 86400, "job": node}).raise_for_status()
    cluster.until(job["id"], "dead")
    spec = {"action": "delete", "filter": {"queue": "nowhere"}}
    action = http.post("/v1/bulk-actions", json=spec).json()
    worker = cluster.workers()[0]["id"]
    url, scopes = f"https://shop.example/{long}", ["jobs:read", "queues:read", "workers:read", "dlq:read"]
    webhook = http.post("/v1/webhooks", json={"url": url, "events": ["job.*", "queue.paused"]}).json()["id"]
    http.post(f"/v1/webhooks/{webhook}/disable")
    key = http.post("/v1/api-keys", json={"name": long, "scopes": scopes, "queues": [long]}).json()["id"]
    yield [
        "", "jobs", f"jobs/{job['id']}", "dead-letters", "flows", f"flows/{flow['id']}", "fan-outs",
        f"fan-outs/{fan_out['id']}", "schedules", f"schedules/{long[:64]}", "bulk-actions",
        f"bulk-actions/{action['id']}", "queues", f"queues/{long}", "job-types", "job-types/hostile",
        "workers", f"workers/{worker}", "webhooks", f"webhooks/{webhook}", "api-keys", f"api-keys/{key}",
    ]  # fmt: skip
    http.delete(f"/v1/webhooks/{webhook}")
    http.delete(f"/v1/api-keys/{key}")


@pytest.mark.parametrize(
    ("scheme", "options"), [("light", {}), ("dark", {"runOnly": ["color-contrast"]})], ids=["light", "dark"]
)
def test_every_page_fits_its_window_and_axe_finds_nothing(
    browser: Browser, system: System, pages: list[str], scheme: Any, options: dict[str, Any]
) -> None:
    visit = Visit(browser, system.open, color_scheme=scheme)
    visit.open()
    visit.page.evaluate(AXE)
    found: dict[str, list[str]] = {}
    for page in pages:
        visit.go(f"#/{page}")
        heading = visit.page.get_by_role("heading", level=1)
        expect(heading).to_contain_text(page.partition("/")[2] or ("Overview" if page == "" else ""))
        visit.loaded()
        for width in (1400, 1101, 400):
            visit.page.set_viewport_size({"width": width, "height": 800})
            assert not visit.page.evaluate(WIDER_THAN_ITS_WINDOW), (page, width)
        found[page] = visit.page.evaluate(FINDINGS, options)
    visit.close()
    assert {page: findings for page, findings in found.items() if findings} == {}


def test_dialogs_have_no_findings_either(visit: Visit) -> None:
    visit.open()
    visit.page.evaluate(AXE)
    for page, button in (
        ("schedules", "New schedule"),
        ("webhooks", "New webhook"),
        ("webhooks", "Rotate the secret of callbacks"),
        ("api-keys", "New API key"),
    ):
        visit.go(f"#/{page}")
        visit.page.get_by_role("button", name=button).click()
        assert visit.page.evaluate(FINDINGS) == [], button
        visit.page.keyboard.press("Escape")


def test_colours_follow_the_system(browser: Browser, system: System) -> None:
    visit = Visit(browser, system.open)
    visit.open()

    def colours(scheme: Any) -> tuple[int, int]:
        """The brightness of page and text, of 255."""
        visit.page.emulate_media(color_scheme=scheme)
        style = "getComputedStyle(document.body)"
        found = [
            visit.page.evaluate(f"Math.max(...{style}.{name}.match(/\\d+/g).map(Number))")
            for name in ("backgroundColor", "color")
        ]
        return found[0], found[1]

    light, dark = colours("light"), colours("dark")
    visit.close()
    assert light[0] > 200 > 60 > light[1]
    assert dark[0] < 60 < 200 < dark[1]


def test_the_reference_works_without_any_other_host(visit: Visit, system: System) -> None:
    page = visit.page
    page.goto(f"{visit.origin}/docs")
    # Swagger UI is a megabyte of script.
    expect(page.get_by_role("heading", name="Triage")).to_be_visible(timeout=20_000)
    tags = {
        tag
        for path in system.cluster.http.get("/openapi.json").json()["paths"].values()
        for operation in path.values()
        for tag in operation["tags"]
    }
    expect(page.locator(".opblock-tag")).to_have_count(len(tags))
    page.get_by_role("button", name="Expand operation").or_(
        page.locator("#operations-tag-health")
    ).first.click()
    page.locator(".opblock-tag", has_text="health").click()
    page.locator("#operations-health-livez .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator("#operations-health-livez .live-responses-table")).to_contain_text('"status": "ok"')
    assert visit.asked("/livez") == 1
