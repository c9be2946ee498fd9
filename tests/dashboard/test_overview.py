"""The first page that an operator sees, and stopping a queue."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Route, expect

from tests.dashboard.conftest import System
from tests.dashboard.visit import Visit


def answer_with(items: list[Any]) -> Callable[[Route], None]:
    def amend(route: Route) -> None:
        answered = route.fetch()
        route.fulfill(response=answered, json={**answered.json(), "items": items})

    return amend


def test_queues_and_workers_are_shown_and_refreshed(visit: Visit, system: System) -> None:
    cluster = system.cluster
    cluster.http.patch("/v1/queues/limited", json={"max_concurrency": 3, "rate_limit": {"limit": 5}})
    cluster.http.post("/v1/queues/limited/pause")
    cluster.submit(queue="limited")
    worker = cluster.workers()[0]
    visit.page.clock.install()
    visit.open()
    row = visit.row("limited")
    expect(row.get_by_role("cell").nth(1)).to_have_text("1")
    for text in ("paused", "0 of 3 running", "5 per 1 s"):
        visit.sees(row, text)
    expect(visit.panel("Jobs").get_by_text("Queues that need attention:")).to_contain_text("limited")
    workers = visit.panel("Workers")
    for text in (worker["id"], "up", "0 of 20", worker["version"], f"{worker['host']}, {worker['pid']}"):
        visit.sees(workers, text)
    visit.sees(workers, "1 running with 0 of 20 slots in use, 0 draining, 0 lost.")

    cluster.submit(queue="limited")
    visit.page.clock.run_for(3_100)
    expect(row.get_by_role("cell").nth(1)).to_have_text("2")
    # The number leads to the jobs that it counts.
    row.get_by_role("link", name="2").click()
    expect(visit.row("job_")).to_have_count(2)
    cluster.http.post("/v1/queues/limited/purge", json={"confirm": "limited"})


def test_a_hidden_tab_requests_nothing_and_a_visible_one_refreshes_at_once(visit: Visit) -> None:
    visit.page.clock.install()
    visit.open()
    visit.sees(visit.panel("Workers"), "running with")
    visit.page.evaluate(
        "Object.defineProperty(document, 'hidden', { get: () => window.away, configurable: true })"
    )
    visit.page.evaluate("window.away = true")
    before = len(visit.requests)
    visit.page.clock.run_for(30_000)
    assert len(visit.requests) == before
    with visit.page.expect_response("**/v1/queues?*"), visit.page.expect_response("**/v1/workers?*"):
        visit.page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    assert len(visit.requests) == before + 2


def test_a_queue_is_paused_and_resumed_after_a_question(visit: Visit, system: System) -> None:
    http = system.cluster.http
    http.patch("/v1/queues/managed", json={"max_depth": 10})
    visit.open()
    visit.page.get_by_role("button", name="Pause queue managed").click()
    visit.sees(visit.page.get_by_role("dialog"), "Pause queue managed?")
    visit.confirm("Do nothing")
    expect(visit.page.get_by_role("dialog")).to_have_count(0)
    assert not http.get("/v1/queues/managed").json()["paused"]

    visit.page.get_by_role("button", name="Pause queue managed").click()
    visit.confirm("Pause")
    visit.sees(visit.row("managed"), "paused")
    visit.sees(visit.page.get_by_role("status"), "Queue managed is paused.")
    assert http.get("/v1/queues/managed").json()["paused"]

    visit.row("managed").get_by_role("link", name="managed").click()
    visit.sees(visit.panel("Settings"), "max depth")
    visit.page.get_by_role("button", name="Resume queue managed").click()
    visit.confirm("Resume")
    expect(visit.page.get_by_role("button", name="Pause queue managed")).to_be_visible()
    assert not http.get("/v1/queues/managed").json()["paused"]


def test_it_is_used_without_a_mouse(visit: Visit, system: System) -> None:
    system.cluster.http.patch("/v1/queues/keyed", json={"max_depth": 10})
    page = visit.page
    visit.open()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    button = page.get_by_role("button", name="Pause queue keyed")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Do nothing")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()
    assert not system.cluster.http.get("/v1/queues/keyed").json()["paused"]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    resume = page.get_by_role("button", name="Resume queue keyed")
    expect(resume).to_be_visible()
    # The table was rendered again meanwhile, but the focus stays in place.
    expect(resume).to_be_focused()
    unnamed = "[...document.querySelectorAll('input, select, textarea, button')].filter((part) => "
    unnamed += "!part.labels?.length && !part.getAttribute('aria-label') && !part.textContent).length"
    assert page.evaluate(unnamed) == 0


def test_the_banner_names_only_queues_in_trouble(visit: Visit, system: System, tmp_path: Path) -> None:
    cluster = system.cluster
    http, banner = cluster.http, visit.page.get_by_role("list", name="Needs attention")
    # Normal: full of work, paused without work, rate limited.
    http.patch("/v1/queues/full", json={"max_concurrency": 1})
    full = cluster.submit(queue="full", payload={"seconds": 60})
    cluster.until(full["id"], "running")
    cluster.submit(queue="full")
    http.post("/v1/queues/at-rest/pause")
    # In trouble: jobs that no worker knows, paused ones, dead ones.
    stranger = http.post("/v1/jobs", json={"name": "a-stranger", "queue": "foreign"}).json()
    http.post("/v1/queues/halted/pause")
    cluster.submit(queue="halted")
    dead = cluster.submit(queue="mortuary", payload={"do": "give_up"})
    cluster.until(dead["id"], "dead")
    visit.open()
    for text in (
        "foreign (no worker for a-stranger)",
        "halted (paused)",
        "Dead letters: ",
        "mortuary (1)",
    ):
        visit.sees(banner, text)
    for name in ("full", "at-rest"):
        expect(banner.get_by_role("link", name=name, exact=True)).to_have_count(0)
        expect(visit.row(name).locator(".trouble")).to_have_count(0)
    visit.sees(visit.row("full").locator(".remark"), "at its limit")
    visit.page.screenshot(path=tmp_path / "overview.png", full_page=True)

    banner.get_by_role("link", name="mortuary", exact=True).click()
    expect(visit.row(dead["id"])).to_have_count(1)
    http.post(f"/v1/jobs/{full['id']}/cancel")
    http.post(f"/v1/jobs/{stranger['id']}/cancel")
    for name in ("halted", "full"):
        http.post(f"/v1/queues/{name}/purge", json={"confirm": name})
    http.delete(f"/v1/dlq/{dead['id']}")


def test_the_banner_names_lost_workers_and_jobs_without_any(visit: Visit, system: System) -> None:
    """Workers come and go in seconds here, so the test shifts the API's responses by half a minute."""
    worker = {**system.cluster.workers()[0], "state": "lost", "running": 2}
    job = system.cluster.submit(queue="lonely", delay_seconds=900)
    queue = system.cluster.http.get("/v1/queues/lonely").json()
    queue |= {"workers": 0, "capacity": 0, "counts": {**queue["counts"], "queued": 4}}

    visit.page.route("**/v1/workers?*", answer_with([worker]))
    visit.page.route("**/v1/queues?*", answer_with([queue]))
    visit.open()
    banner = visit.page.get_by_role("list", name="Needs attention")
    visit.sees(banner, "Queues that need attention: lonely (no worker)")
    visit.sees(banner, "Lost workers: 1, last seen with 2 jobs, which will run again elsewhere: ")
    visit.sees(banner, f"{worker['id']} on {worker['host']}")
    system.cluster.http.post(f"/v1/jobs/{job['id']}/cancel")


def test_a_slowed_queue_is_not_in_trouble_unless_jobs_wait_for_help(visit: Visit, system: System) -> None:
    """A job that has waited for minutes is not available here, so this test makes up the queues."""
    system.cluster.http.patch("/v1/queues/shown", json={"max_depth": 10})
    idle = system.cluster.http.get("/v1/queues/shown").json()
    waiting = {**idle, "counts": {**idle["counts"], "queued": 1}}
    freeze = {"job_type": "work", "limit_key": None, "until": "2100-01-01T00:00:00Z", "job_id": None}
    healthy = [
        {**waiting, "name": "slowed", "freezes": [freeze]},
        {**waiting, "name": "recent", "oldest_queued_seconds": 300},
        {**idle, "name": "half-closed", "paused_job_types": ["mail"]},
    ]
    in_trouble = [
        {**waiting, "name": "half-paused", "paused_job_types": ["mail"]},
        {**waiting, "name": "late", "oldest_queued_seconds": 360},
        {**waiting, "name": "strange", "unserved_job_types": ["ask", "bill", "call", "dial"]},
    ]
    visit.page.route("**/v1/queues?*", answer_with(healthy + in_trouble))
    visit.open()
    expect(visit.page.get_by_role("list", name="Needs attention").get_by_role("listitem").first).to_have_text(
        "Queues that need attention: half-paused (paused types: mail), late (oldest job has waited 6 min), "
        "strange (no worker for ask, bill, call and 1 more)"
    )
    for text in ("rate limited", "paused types: mail"):
        expect(visit.panel("Queues").locator(".remark", has_text=text)).to_have_count(1)
