"""The first page that an operator sees: problems, and since when they exist."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Route, expect

from tests.dashboard.conftest import System
from tests.dashboard.visit import Visit


def answer_with(items: list[Any]) -> Callable[[Route], None]:
    def amend(route: Route) -> None:
        answered = route.fetch()
        document = answered.json()
        route.fulfill(response=answered, json={**document, "items": items, "next_cursor": None})

    return amend


def history(minutes: int, dead: dict[int, int], in_all: int = 10_000) -> dict[str, Any]:
    """A response of /v1/stats whose last step is now; `dead` by minutes before that, and `in_all`."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    begin = now - timedelta(minutes=minutes - 1)
    column = [dead.get(minutes - 1 - index, 0) for index in range(minutes)]
    some = [index % 7 for index in range(minutes)]
    seconds = {"p50": [0.1] * minutes, "p95": [0.5] * minutes, "p99": [None, *[2.0] * (minutes - 1)]}
    mark = {"at": f"{begin + timedelta(minutes=5):%Y-%m-%dT%H:%M:%S}.000Z", "queue": None, "job_type": None}
    return {
        "object": "stats", "queue": None, "type": None, "from": f"{begin:%Y-%m-%dT%H:%M:%S}.000Z",
        "to": f"{now:%Y-%m-%dT%H:%M:%S}.000Z", "step": "1m", "step_seconds": 60, "points": minutes,
        "started": some, "succeeded": some, "failed": column, "dead": column, "cancelled": some,
        "wait_seconds": seconds, "run_seconds": seconds,
        "depth": {"queued": some, "delayed": some, "running": some, "dead": [in_all] * minutes}, "totals": {},
        "marks": [
            {**mark, "kind": "deploy", "version": "1.4.2"},
            {**mark, "kind": "pause", "version": None, "queue": "bulk"},
        ],
    }  # fmt: skip


def test_counts_queues_and_workers_are_shown_and_refreshed(alone: Visit, system: System) -> None:
    cluster = system.cluster
    cluster.http.patch("/v1/queues/limited", json={"max_concurrency": 3, "rate_limit": {"limit": 5}})
    cluster.http.post("/v1/queues/limited/pause")
    cluster.submit(queue="limited")
    worker = cluster.workers()[0]
    alone.page.set_viewport_size({"width": 1500, "height": 900})
    alone.open()
    row = alone.row("limited")
    expect(row.get_by_role("cell").nth(1)).to_have_text("1")
    for text in ("paused", "0 of 3 running", "5 per 1 s"):
        alone.sees(row, text)
    slow = alone.page.get_by_role("list", name="Needs attention").get_by_role("listitem")
    expect(slow.filter(has_text="Queues that need attention")).to_contain_text("limited (paused)")
    workers = alone.panel("Workers")
    for text in (worker["id"][-8:], "up", "0 of 20", worker["version"], f"{worker['host']}, {worker['pid']}"):
        alone.sees(workers, text)
    alone.sees(workers, "1 running with 0 of 20 slots in use, 0 draining, 0 lost.")

    cluster.submit(queue="limited")
    expect(row.get_by_role("cell").nth(1)).to_have_text("2")
    # The number leads to the jobs that it counts.
    row.get_by_role("link", name="2").click()
    expect(alone.row("job_")).to_have_count(2)
    cluster.http.post("/v1/queues/limited/purge", json={"confirm": "limited"})


def test_a_hidden_tab_requests_nothing_and_a_visible_one_refreshes_at_once(alone: Visit) -> None:
    page = alone.page
    page.clock.install()
    alone.open()
    alone.sees(alone.panel("Workers"), "running with")
    alone.loaded()
    hide = "(away) => { window.away = away; document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => window.away, configurable: true })")
    page.evaluate(hide, True)
    before = len(alone.requests)
    page.clock.run_for(60_000)
    assert [request.url for request in alone.requests[before:]] == []
    with page.expect_response("**/v1/queues?*"), page.expect_response("**/v1/workers?*"):
        page.evaluate(hide, False)


def test_a_change_is_shown_as_soon_as_its_event_arrives(visit: Visit, system: System) -> None:
    job = system.cluster.submit(queue="watched", delay_seconds=3600)
    visit.open(f"#/jobs/{job['id']}")
    expect(visit.page.get_by_text("live", exact=True)).to_be_visible()
    system.cluster.http.post(f"/v1/jobs/{job['id']}/cancel")
    # With a stream, the page polls every 20 s only.
    expect(visit.panel("State")).to_contain_text("cancelled", timeout=10_000)


def test_the_list_of_troubles_names_only_queues_in_trouble(visit: Visit, system: System) -> None:
    cluster = system.cluster
    http, banner = cluster.http, visit.page.get_by_role("list", name="Needs attention")
    # With only a few queues, none is folded.
    for number in range(9):
        http.patch(f"/v1/queues/idle-{number}", json={"max_depth": 10})
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
    # More than in queues of other tests: only the fullest are named.
    dead = [cluster.submit(queue="mortuary", payload={"do": "give_up"}) for _ in range(8)]
    for job in dead:
        cluster.until(job["id"], "dead")
    visit.open()
    items = banner.get_by_role("listitem")
    expect(items.first).to_contain_text("Jobs that no worker can run")
    visit.sees(items.first, "foreign (no worker for a-stranger)")
    for text in ("halted (paused)", "Dead letters: ", "mortuary (8)"):
        visit.sees(banner, text)
    for name in ("full", "at-rest"):
        expect(banner.get_by_role("link", name=name, exact=True)).to_have_count(0)
    visit.page.get_by_text("healthy queue").click()
    expect(visit.row("full").locator(".trouble")).to_have_count(0)
    visit.sees(visit.row("full").locator(".remark"), "at its limit")

    banner.get_by_role("link", name="mortuary", exact=True).click()
    expect(visit.row(dead[0]["id"][-8:])).to_have_count(1)
    http.post(f"/v1/jobs/{full['id']}/cancel")
    http.post(f"/v1/jobs/{stranger['id']}/cancel")
    for name in ("halted", "full"):
        http.post(f"/v1/queues/{name}/purge", json={"confirm": name})
    for job in dead:
        http.delete(f"/v1/dlq/{job['id']}")


def test_troubles_that_take_long_to_arise_are_named(visit: Visit, system: System) -> None:
    """Workers come and go in seconds here and no job waits for minutes, so the test makes up responses."""
    worker = {**system.cluster.workers()[0], "state": "lost", "running": 2}
    system.cluster.http.patch("/v1/queues/shown", json={"max_depth": 10})
    idle = system.cluster.http.get("/v1/queues/shown").json()
    waiting = {**idle, "counts": {**idle["counts"], "queued": 4}}
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
        {**waiting, "name": "lonely", "workers": 0, "capacity": 0},
    ]
    totals = {"failed": 37, "succeeded": 63, "dead": 4, "started": 100, "cancelled": 0}
    visit.page.route("**/v1/workers?*", answer_with([worker]))
    visit.page.route("**/v1/queues?*", answer_with(healthy + in_trouble))
    visit.page.route("**/v1/stats/job-types?*", answer_with([{"name": "charge", **totals}]))
    visit.open()
    items = visit.page.get_by_role("list", name="Needs attention").get_by_role("listitem")
    expect(items.nth(0)).to_contain_text(
        "strange (no worker for ask, bill, call and 1 more), lonely (no worker)"
    )
    expect(items.nth(1)).to_contain_text("Lost workers: 1")
    expect(items.nth(1)).to_contain_text(
        f"last seen with 2 jobs, which will run again elsewhere: {worker['id']} on {worker['host']}"
    )
    expect(items.filter(has_text="Failing job types")).to_contain_text(
        "charge (37 of 100 attempts in 15 minutes)"
    )
    slow = items.filter(has_text="Queues that need attention")
    expect(slow).to_contain_text("half-paused (paused types: mail), late (oldest job has waited 6 min)")
    # Since when.
    expect(slow).to_contain_text("(6 min)")
    for name in ("slowed", "recent", "half-closed"):
        expect(items.get_by_role("link", name=name, exact=True)).to_have_count(0)
    visit.page.unroute_all(behavior="wait")


def test_the_history_says_since_when_jobs_die(visit: Visit, system: System) -> None:
    dead = system.cluster.submit(queue="burning", payload={"do": "give_up"})
    system.cluster.until(dead["id"], "dead")
    # An old fire, 20 quiet minutes, and one that began 9 minutes ago.
    response = history(60, {**{minute: 3 for minute in range(30, 40)}, **{minute: 2 for minute in range(10)}})
    visit.page.route("**/v1/stats?*", lambda route: route.fulfill(json=response))
    visit.open()
    line = visit.page.get_by_role("list", name="Needs attention").get_by_role("listitem")
    expect(line.filter(has_text="Dead letters")).to_contain_text("50 in the last hour")
    expect(line.filter(has_text="Dead letters").locator(".since")).to_contain_text("min)")
    begun = line.filter(has_text="Dead letters").locator("time").get_attribute("datetime")
    ago = datetime.now(UTC) - datetime.fromisoformat(begun or "")
    assert timedelta(minutes=9) <= ago < timedelta(minutes=11)

    # Jobs that died after the last step count as well.
    fresh = history(60, {}, in_all=0)
    visit.page.route("**/v1/stats?*", lambda route: route.fulfill(json=fresh))
    visit.open()
    burning = line.filter(has_text="Dead letters").filter(has_not_text="none in the last hour")
    expect(burning.filter(has_text="in the last hour")).to_have_class("burning")
    visit.page.route("**/v1/stats?*", lambda route: route.fulfill(json=response))
    visit.open()

    charts = visit.panel("History")
    expect(charts.locator("canvas")).to_have_count(5)
    expect(charts.get_by_text("dead jobs: latest 2, highest 3")).to_have_count(1)
    expect(charts.get_by_role("list", name="Marks")).to_contain_text("version 1.4.2 started")
    expect(charts.get_by_role("list", name="Marks")).to_contain_text("queue bulk paused")
    # Pointing at a chart shows the values of that time.
    charts.locator("#failures .u-over").hover(position={"x": 2, "y": 10})
    expect(charts.locator("#failures .legend li", has_text="dead jobs")).to_contain_text("0")
    charts.get_by_role("link", name="6 hours").click()
    expect(charts.get_by_role("link", name="6 hours")).to_have_attribute("aria-current", "true")
    assert visit.page.evaluate("location.hash") == "#/?range=6h"
    visit.page.unroute_all(behavior="wait")
    system.cluster.http.delete(f"/v1/dlq/{dead['id']}")
