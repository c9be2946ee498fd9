"""Retrying dead jobs, one and many."""

from typing import Any

from playwright.sync_api import Route, expect

from tests.dashboard.conftest import System
from tests.dashboard.visit import Visit


def test_one_and_then_all_that_match_run_again(visit: Visit, system: System) -> None:
    cluster = system.cluster
    jobs = [cluster.submit(queue="graves", payload={"do": "give_up"}) for _ in range(4)]
    other = cluster.submit(queue="graves", payload={"do": "fail"}, retry={"max_attempts": 1})
    for job in [*jobs, other]:
        cluster.until(job["id"], "dead")
    cluster.http.post("/v1/queues/graves/pause")

    visit.open("#/dead-letters")
    expect(visit.page.get_by_role("button", name="Retry all …")).to_be_disabled()
    visit.page.get_by_label("Queue", exact=True).fill("graves")
    visit.page.get_by_label("Reason").select_option("non_retryable")
    visit.page.get_by_role("button", name="Filter").click()
    entries = visit.panel("Newest job first").get_by_role("row").filter(has_text="job_")
    expect(entries.filter(has_text="NonRetryable: asked to give up")).to_have_count(4)

    visit.page.get_by_role("button", name=f"Retry {jobs[0]['id']}", exact=True).click()
    visit.confirm("Retry")
    expect(entries).to_have_count(3)
    assert cluster.job(jobs[0]["id"])["state"] == "queued"

    visit.page.get_by_role("button", name="Retry all …").click()
    dialog = visit.page.get_by_role("dialog")
    visit.sees(dialog, "3 dead jobs match. Retry them all?")
    visit.sees(dialog, "queue graves, reason non_retryable")
    visit.confirm("Do nothing")
    expect(dialog).to_have_count(0)
    assert [cluster.job(job["id"])["state"] for job in jobs] == ["queued", "dead", "dead", "dead"]

    visit.page.get_by_role("button", name="Retry all …").click()
    visit.confirm("Retry all")
    visit.sees(visit.page.locator("#bulk"), "succeeded: 3 retried, 0 skipped.")
    assert [cluster.job(job["id"])["state"] for job in jobs] == ["queued"] * 4
    assert cluster.job(other["id"])["state"] == "dead"
    # The list is read again: it no longer shows jobs that are not dead.
    visit.sees(visit.panel("Newest job first"), "No dead letters match.")
    expect(entries).to_have_count(0)

    visit.page.get_by_role("button", name="Retry all …").click()
    visit.sees(visit.page.get_by_role("status").last, "No dead jobs match.")


def test_a_bulk_action_paused_elsewhere_is_followed_to_its_end(visit: Visit, system: System) -> None:
    cluster = system.cluster
    jobs = [cluster.submit(queue="slow-graves", payload={"do": "give_up"}) for _ in range(2)]
    for job in jobs:
        cluster.until(job["id"], "dead")
    cluster.http.post("/v1/queues/slow-graves/pause")
    filter = {"queue": "slow-graves"}
    body = {"filter": filter, "rate_per_second": 0.1}

    def slowly(route: Route) -> None:
        # Submit it as another operator would, at a rate that leaves time to pause it.
        given: Any = route.request.post_data_json
        route.continue_(post_data=body if "dry_run" not in given else given)

    visit.page.route("**/v1/dlq/retry", slowly)
    visit.open("#/dead-letters?queue=slow-graves")
    visit.page.get_by_role("button", name="Retry all …").click()
    visit.confirm("Retry all")
    visit.sees(visit.page.locator("#bulk"), " running: ")
    action = cluster.http.get("/v1/bulk-actions").json()["items"][0]["id"]
    cluster.http.post(f"/v1/bulk-actions/{action}/pause")
    visit.sees(visit.page.locator("#bulk"), " paused: ")
    cluster.http.post(f"/v1/bulk-actions/{action}/cancel")
    visit.sees(visit.page.locator("#bulk"), " cancelled: ")


def test_a_cause_is_retried_or_deleted_as_a_whole(visit: Visit, system: System) -> None:
    cluster = system.cluster
    given = [{"fail": "card", "number": number} for number in range(3)]
    given += [{"fail": "disk", "number": number} for number in range(2)]
    jobs = [
        cluster.submit(name="charge-card", queue="causes", payload=payload, retry={"max_attempts": 1})
        for payload in given
    ]
    for job in jobs:
        cluster.until(job["id"], "dead")
    cluster.http.post("/v1/queues/causes/pause")
    visit.open("#/dead-letters?queue=causes")
    causes = visit.panel("By cause").get_by_role("row")
    declined, full = causes.filter(has_text="CardDeclined"), causes.filter(has_text="No space left")
    visit.sees(declined, "3")
    visit.sees(full, "OSError: [Errno 28]")
    text = visit.page.get_by_label("Error, ID, name or tag contains")
    entries = visit.panel("Newest job first").get_by_role("row").filter(has_text="job_")
    text.fill("no SPACE")
    text.press("Enter")
    expect(declined).to_have_count(0)
    expect(entries).to_have_count(2)
    text.fill("")
    text.press("Enter")

    full.get_by_role("link", name="No space left").click()
    expect(entries).to_have_count(2)
    visit.page.get_by_role("link", name="All causes").click()
    expect(entries).to_have_count(5)

    declined.get_by_role("button", name="Retry 3 jobs").click()
    visit.sees(visit.page.get_by_role("dialog"), "3 dead jobs match. Retry them all?")
    visit.confirm("Retry all")
    visit.sees(visit.page.locator("#bulk"), "succeeded: 3 retried, 0 skipped.")
    expect(declined).to_have_count(0)
    assert [cluster.job(job["id"])["state"] for job in jobs] == ["queued"] * 3 + ["dead"] * 2

    full.get_by_role("button", name="Delete 2 jobs").click()
    visit.page.get_by_role("dialog").get_by_label("Type 2").fill("2")
    visit.confirm("Delete all")
    visit.sees(visit.panel("By cause"), "No cause matches the filter.")
    assert cluster.http.get(f"/v1/jobs/{jobs[4]['id']}").status_code == 404
    cluster.http.post("/v1/queues/causes/purge", json={"confirm": "causes"})
