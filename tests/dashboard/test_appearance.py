"""Light, dark, wide and narrow; and the API reference."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.conftest import System
from tests.dashboard.visit import Visit

WIDER_THAN_ITS_WINDOW = "document.documentElement.scrollWidth > innerWidth"


@pytest.mark.parametrize("width", [400, 1001, 1400])
def test_no_page_is_wider_than_its_window(browser: Browser, system: System, width: int) -> None:
    cluster = system.cluster
    long = "a" * 120
    job = cluster.submit(
        name="hostile", queue=long, payload={"text": "word " * 3 + "x" * 300}, tags={"a": "b" * 64}
    )
    cluster.until(job["id"], "dead")
    visit = Visit(browser, system.open, viewport={"width": width, "height": 800})
    for page in ("", "jobs", f"jobs/{job['id']}", "dead-letters", "flows", "fan-outs", f"queues/{long}"):
        visit.open(f"#/{page}")
        expect(visit.page.locator("section .body[aria-busy]")).to_have_count(0)
        assert not visit.page.evaluate(WIDER_THAN_ITS_WINDOW), page
    visit.close()


def test_colours_follow_the_system(browser: Browser, system: System) -> None:
    def colours(scheme: Any) -> tuple[int, int]:
        """The brightness of page and text, of 255."""
        visit = Visit(browser, system.open, color_scheme=scheme)
        visit.open()
        style = "getComputedStyle(document.body)"
        found = [
            visit.page.evaluate(f"Math.max(...{style}.{name}.match(/\\d+/g).map(Number))")
            for name in ("backgroundColor", "color")
        ]
        visit.close()
        return found[0], found[1]

    light, dark = colours("light"), colours("dark")
    assert light[0] > 200 > 60 > light[1]
    assert dark[0] < 60 < 200 < dark[1]


def test_the_reference_works_without_any_other_host(visit: Visit, system: System) -> None:
    page = visit.page
    page.goto(f"{visit.origin}/docs")
    expect(page.get_by_role("heading", name="Triage")).to_be_visible()
    expect(page.locator(".opblock-tag")).to_have_count(10)
    page.get_by_role("button", name="Expand operation").or_(
        page.locator("#operations-tag-health")
    ).first.click()
    page.locator(".opblock-tag", has_text="health").click()
    page.locator("#operations-health-livez .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator("#operations-health-livez .live-responses-table")).to_contain_text('"status": "ok"')
    assert visit.asked("/livez") == 1
