"""Queues, schedules and workers: reading them and changing them."""

from playwright.sync_api import Route, expect

from tests.dashboard.conftest import System
from tests.dashboard.visit import Visit


def test_a_queue_is_paused_and_resumed_after_a_question(visit: Visit, system: System) -> None:
    http = system.cluster.http
    http.patch("/v1/queues/managed", json={"max_depth": 10})
    visit.open("#/queues?name=manag")
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


def test_limits_and_settings_of_a_queue_are_edited(visit: Visit, system: System) -> None:
    http = system.cluster.http
    http.patch("/v1/queues/edited", json={"max_depth": 10, "defaults": {"priority": 7}})
    visit.open("#/queues/edited")
    visit.page.get_by_role("button", name="Edit settings").click()
    dialog = visit.page.get_by_role("dialog")
    dialog.get_by_label("Running jobs at most").fill("0")
    visit.confirm("Save")
    # A refusal is shown in the form, and nothing that was typed is lost.
    visit.sees(dialog.get_by_role("alert"), "/max_concurrency")
    dialog.get_by_label("Running jobs at most").fill("3")
    dialog.get_by_label("Starts at most").fill("5")
    dialog.get_by_label("Max depth").fill("")
    visit.confirm("Save")
    visit.sees(visit.panel("Settings"), "5 per 1 s")
    queue = http.get("/v1/queues/edited").json()
    assert (queue["max_concurrency"], queue["rate_limit"]["limit"], queue["max_depth"]) == (3, 5, None)
    assert queue["defaults"] == {"priority": 7}

    visit.page.get_by_role("button", name="Add limit key").click()
    dialog.get_by_label("Limit key").fill("tenant-1")
    dialog.get_by_label("Running jobs at most").fill("2")
    visit.confirm("Save")
    visit.sees(visit.row("tenant-1"), "2")
    visit.page.get_by_role("button", name="Remove tenant-1").click()
    visit.confirm("Remove")
    expect(visit.row("tenant-1")).to_have_count(0)
    assert http.get("/v1/queues/edited").json()["keys"] == {}
    visit.expected = {422}


def test_a_queue_is_purged_by_typing_its_name_and_then_deleted(visit: Visit, system: System) -> None:
    cluster = system.cluster
    job = cluster.submit(queue="purged", delay_seconds=3600)
    visit.open("#/queues/purged")
    visit.page.get_by_role("button", name="Purge", exact=True).click()
    dialog = visit.page.get_by_role("dialog")
    visit.sees(dialog, "Cancel 1 waiting job of purged?")
    expect(dialog.get_by_role("button", name="Purge", exact=True)).to_be_disabled()
    dialog.get_by_label("Type purged").fill("purged")
    visit.confirm("Purge")
    visit.sees(visit.page.get_by_role("status"), "Queue purged is purged.")
    assert cluster.job(job["id"])["state"] == "cancelled"
    # A queue without any job can be forgotten.
    cluster.http.patch("/v1/queues/emptied", json={"max_depth": 10})
    visit.go("#/queues/emptied")
    visit.page.get_by_role("button", name="Delete").click()
    visit.confirm("Delete")
    visit.sees(visit.page.get_by_role("heading", level=1), "Queues")
    assert cluster.http.get("/v1/queues/emptied").status_code == 404


def test_a_schedule_is_created_edited_run_paused_and_deleted(visit: Visit, system: System) -> None:
    http = system.cluster.http
    visit.open("#/schedules")
    visit.page.get_by_role("button", name="New schedule").click()
    dialog = visit.page.get_by_role("dialog")
    dialog.get_by_label("Name", exact=True).fill("nightly")
    dialog.get_by_label("Cron").fill("61 * * * *")
    dialog.get_by_label("Job as JSON").fill('{"name": "scripted", "queue": "nights"}')
    visit.confirm("Save")
    visit.sees(dialog.get_by_role("alert"), "minute")
    dialog.get_by_label("Cron").fill("30 2 * * *")
    visit.confirm("Save")
    row = visit.row("nightly")
    visit.sees(row, "30 2 * * * (UTC)")

    row.get_by_role("button", name="Edit schedule nightly").click()
    dialog.get_by_label("Time zone").fill("Europe/Berlin")
    visit.confirm("Save")
    visit.sees(row, "Europe/Berlin")
    assert http.get("/v1/schedules/nightly").json()["job"] == {"name": "scripted", "queue": "nights"}

    row.get_by_role("link", name="nightly").click()
    expect(visit.panel("Next runs").get_by_role("listitem")).not_to_have_count(0)
    visit.page.get_by_role("button", name="Run nightly now").click()
    visit.confirm("Run now")
    visit.sees(visit.panel("Last runs"), "on request")
    visit.page.get_by_role("button", name="Pause schedule nightly").click()
    visit.confirm("Pause")
    visit.sees(visit.panel("Next runs"), "None while it is paused.")
    visit.page.get_by_role("button", name="Delete").click()
    visit.confirm("Delete")
    visit.sees(visit.page.get_by_role("heading", level=1), "Schedules")
    assert http.get("/v1/schedules/nightly").status_code == 404
    # The form checked first that no other schedule had the name.
    visit.expected = {404, 422}


def test_a_worker_is_drained_after_a_question(visit: Visit, system: System) -> None:
    """The worker is another test's, so the request ends here."""
    [worker] = system.cluster.workers()
    draining = {**worker, "state": "draining"}
    visit.page.route("**/drain", lambda route: route.fulfill(status=202, json=draining))
    visit.open("#/workers")
    visit.page.get_by_role("button", name=f"Drain {worker['id']}").click()
    visit.sees(visit.page.get_by_role("dialog"), f"Drain worker {worker['id']}?")
    visit.confirm("Drain")
    visit.sees(visit.page.get_by_role("status"), "The worker drains.")
    assert visit.asked(f"/v1/workers/{worker['id']}/drain") == 1


def test_job_types_are_compared_by_their_recent_runs(visit: Visit, system: System) -> None:
    def amend(route: Route) -> None:
        answered = route.fetch()
        seconds = {"p50": 0.2, "p95": 1.5, "p99": 3.0}
        trend = {"succeeded": [1, 2], "failed": [0, 3], "dead": [0, 0]}
        row = {
            "name": "hostile", "started": 20, "succeeded": 12, "failed": 8, "dead": 2, "cancelled": 0,
            "wait_seconds": seconds, "run_seconds": seconds, "trend": trend,
        }  # fmt: skip
        route.fulfill(response=answered, json={**answered.json(), "items": [row]})

    visit.page.route("**/v1/stats/job-types?*", amend)
    visit.open("#/job-types")
    first = visit.page.get_by_role("row").nth(1)
    for text in ("hostile", "20", "40 %", "1.5 s", "200 ms"):
        visit.sees(first, text)
    first.get_by_role("link", name="hostile").click()
    visit.sees(visit.panel("Definition"), "Puts the given text into everything")
    visit.page.get_by_role("button", name="Submit a job").click()
    visit.sees(visit.page.get_by_role("dialog"), "text (string, required)")
    visit.page.unroute_all(behavior="wait")
