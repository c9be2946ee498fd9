"""Flows and fan-outs: their progress, and what failed."""

from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.dashboard.conftest import System
from tests.dashboard.visit import Visit


def job(**payload: Any) -> dict[str, Any]:
    return {"name": "scripted", "payload": payload}


def create(system: System, path: str, body: dict[str, Any], state: str) -> dict[str, Any]:
    http = system.cluster.http
    created = http.post(path, json=body, headers={"Prefer": "wait=20"}).json()
    assert created["state"] == state, created
    return created


def test_a_flow_is_drawn_and_leads_to_its_jobs(visit: Visit, system: System) -> None:
    nodes = {
        "fetch": {"job": job()},
        "tax": {"job": job(do="give_up")},
        "invoice": {"job": job(), "depends_on": ["fetch", {"key": "tax", "when": "finished"}]},
        "archive": {"job": job(), "depends_on": ["invoice", "fetch"]},
    }
    flow = create(system, "/v1/flows", {"name": "books", "on_failure": "continue", "jobs": nodes}, "failed")
    visit.open("#/flows")
    visit.sees(visit.row("books"), "failed")
    visit.row("books").get_by_role("link", name=flow["id"]).click()
    visit.sees(visit.panel("State"), "failed")
    graph = visit.panel("Graph").locator("svg.graph")
    expect(graph.locator("rect")).to_have_count(4)
    expect(graph.locator(".edge")).to_have_count(4)
    # A condition is not the state of the job before it: that one is dead.
    expect(graph.locator(".edge text")).to_have_text("on finish")
    boxes = {key: graph.locator("a").filter(has_text=key).bounding_box() for key in nodes}
    places = {key: box["x"] for key, box in boxes.items() if box is not None}
    assert places["fetch"] == places["tax"] < places["invoice"] < places["archive"]
    # How long each job waited and ran, in the picture and as a waterfall.
    expect(graph.locator("a").filter(has_text="fetch").locator(".time")).to_contain_text("s")
    rows = visit.panel("Waterfall").get_by_role("listitem")
    expect(rows).to_have_count(4)
    visit.sees(rows.last, "archive")
    whole = graph.get_attribute("viewBox")
    visit.page.get_by_role("button", name="Zoom in").click()
    expect(graph).not_to_have_attribute("viewBox", whole or "")
    visit.page.get_by_role("button", name="Fit").click()
    expect(graph).to_have_attribute("viewBox", whole or "")
    visit.sees(visit.row("archive"), "invoice (on success), fetch (on success)")
    visit.sees(visit.row("invoice").first, "fetch (on success), tax (on finish)")
    visit.row("tax").get_by_role("link", name="tax", exact=True).click()
    visit.sees(visit.panel("Why is it in this state?"), "It is dead")


def test_a_large_flow_is_counted_and_its_dead_jobs_are_named(visit: Visit, system: System) -> None:
    nodes = {f"n{number}": {"job": job(do="give_up" if number == 7 else "ok")} for number in range(301)}
    flow = create(system, "/v1/flows", {"name": "large", "on_failure": "continue", "jobs": nodes}, "failed")
    visit.open(f"#/flows/{flow['id']}")
    visit.sees(visit.panel("Graph"), "Flows of more than 300 jobs are not drawn.")
    expect(visit.row("NonRetryable: asked to give up")).to_have_count(1)
    assert visit.asked("/graph") == 0


def test_a_fan_out_shows_its_progress_and_what_failed(visit: Visit, system: System) -> None:
    items = [{"do": "give_up"}, *({"do": "ok"} for _ in range(9)), *({"seconds": 900} for _ in range(2))]
    body = {"template": {"name": "scripted", "queue": "fanned"}, "items": items, "then": job()}
    fan_out = create(system, "/v1/fan-outs", {**body, "items": items[:10]}, "failed")
    visit.open("#/fan-outs")
    row = visit.row(fan_out["id"][-8:])
    visit.sees(row, "100 %: 10 of 10 ended")
    row.get_by_role("link", name=fan_out["id"]).click()
    state = visit.panel("State")
    visit.sees(state, "succeeded 9")
    visit.sees(state, "dead 1")
    assert state.get_by_role("progressbar").get_attribute("value") == "10"
    expect(state.get_by_role("link", name=fan_out["then_job_id"])).to_be_visible()
    expect(visit.panel("Dead items").get_by_role("row").filter(has_text="NonRetryable")).to_have_count(1)

    visit.page.get_by_role("link", name="succeeded", exact=True).click()
    expect(visit.panel("Succeeded items").get_by_role("row").filter(has_text="job_")).to_have_count(9)
    system.cluster.http.post("/v1/queues/fanned/pause")
    waiting = system.cluster.http.post("/v1/fan-outs", json=body).json()
    visit.go(f"#/fan-outs/{waiting['id']}")
    visit.sees(state, "0 %: 0 of 12 ended")
    visit.sees(visit.panel("Dead items"), "No jobs match.")
    visit.page.get_by_role("button", name="Cancel", exact=True).click()
    visit.sees(visit.page.get_by_role("dialog"), "Cancel this fan-out?")
    visit.confirm("Cancel")
    visit.sees(state, "100 %: 12 of 12 ended")


def test_a_failed_flow_is_retried_and_deleted(visit: Visit, system: System) -> None:
    nodes = {"only": {"job": job(do="fail_once") | {"retry": {"max_attempts": 1}}}}
    flow = create(system, "/v1/flows", {"name": "again", "jobs": nodes}, "failed")
    visit.open(f"#/flows/{flow['id']}")
    visit.page.get_by_role("button", name="Retry", exact=True).click()
    visit.sees(visit.page.get_by_role("dialog"), "Every job that did not succeed runs again: 1.")
    visit.confirm("Retry")
    visit.sees(visit.page.get_by_role("status"), "The flow runs again.")
    system.cluster.http.get(f"/v1/flows/{flow['id']}?wait=20")
    visit.page.get_by_role("button", name="Delete").click()
    visit.confirm("Delete")
    visit.sees(visit.page.get_by_role("heading", level=1), "Flows")
    visit.sees(visit.page.get_by_role("status").last, f"{flow['id']} is deleted.")
    assert system.cluster.http.get(f"/v1/flows/{flow['id']}").status_code == 404
    # The page did not read the flow again, neither on an event nor when the flow was gone.
    methods = [request.method for request in visit.requests if f"/v1/flows/{flow['id']}" in request.url]
    assert methods[-1] == "DELETE"


def test_after_a_refused_deletion_the_page_reads_on(visit: Visit, system: System) -> None:
    flow = create(system, "/v1/flows", {"name": "kept", "jobs": {"only": {"job": job()}}}, "succeeded")
    problem = {"title": "Conflict", "detail": "It runs again.", "status": 409}

    def refuse(route: Route) -> None:
        if route.request.method == "DELETE":
            route.fulfill(status=409, json=problem)
        else:
            route.continue_()

    visit.open(f"#/flows/{flow['id']}")
    visit.loaded()
    visit.page.route(f"**/v1/flows/{flow['id']}", refuse)
    visit.page.get_by_role("button", name="Delete").click()
    with visit.page.expect_request(
        lambda request: request.method == "GET" and request.url.endswith(flow["id"])
    ):
        visit.confirm("Delete")
    visit.is_told("Delete failed: Conflict: It runs again.")
    visit.sees(visit.panel("State"), "succeeded")
    visit.page.unroute_all(behavior="wait")
    visit.expected = {409}


@pytest.mark.parametrize(
    ("page", "kind", "id"),
    [
        ("jobs", "job", "job_01M8GAG74ZBHD7VNZ3MVGAAV40"),
        ("jobs", "job", "job_x"),
        ("flows", "flow", "flow_01M8GAG74ZBHD7VNZ3MVGAAV40"),
        ("fan-outs", "fan-out", "fan_01M8GAG74ZBHD7VNZ3MVGAAV40"),
        ("queues", "queue", "never-used"),
        ("schedules", "schedule", "never"),
        ("workers", "worker", "wk_01M8GAG74ZBHD7VNZ3MVGAAV40"),
        ("bulk-actions", "bulk action", "act_01M8GAG74ZBHD7VNZ3MVGAAV40"),
        ("webhooks", "webhook", "wh_01M8GAG74ZBHD7VNZ3MVGAAV40"),
        ("api-keys", "API key", "key_01M8GAG74ZBHD7VNZ3MVGAAV40"),
    ],
)
def test_an_unknown_id_is_reported_once(visit: Visit, page: str, kind: str, id: str) -> None:
    visit.expected = {404}
    visit.open(f"#/{page}/{id}")
    visit.is_told(f"Not Found: No {kind} {id} exists. It may have been deleted")
    # No other part of the page keeps loading.
    expect(visit.page.get_by_role("region")).to_have_count(2)  # The messages, and the panel that shows it.
    expect(visit.page.get_by_text("Loading")).to_have_count(0)
    expect(visit.page.locator("[aria-busy]:visible")).to_have_count(0)


def test_what_does_not_exist_is_not_requested_again(alone: Visit) -> None:
    """Only another address helps."""
    alone.expected = {404}
    alone.page.clock.install()
    alone.open("#/jobs/job_01M8GAG74ZBHD7VNZ3MVGAAV40")
    alone.is_told("Not Found: No job")
    alone.page.clock.run_for(60_000)
    assert alone.asked("/job_01M8GAG74ZBHD7VNZ3MVGAAV40") == 1
