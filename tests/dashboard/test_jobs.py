"""Finding a job, understanding it, and acting on it, one and many."""

from playwright.sync_api import expect

from tests.dashboard.conftest import System
from tests.dashboard.visit import Visit


def test_a_failed_job_is_found_explained_and_retried(visit: Visit, system: System) -> None:
    cluster = system.cluster
    job = cluster.submit(
        queue="mail", payload={"do": "fail"}, retry={"max_attempts": 1}, tags={"tenant": "acme: the first"}
    )
    cluster.submit(queue="mail", payload={"do": "ok"}, tags={"tenant": "acme: the first"})
    cluster.until(job["id"], "dead")
    visit.open()
    visit.page.get_by_role("link", name="Jobs", exact=True).click()
    visit.page.get_by_label("Queue", exact=True).fill("mail")
    visit.page.get_by_label("State").select_option("dead")
    visit.page.get_by_label("Tags").fill("tenant:acme: the first")
    visit.page.get_by_role("button", name="Filter").click()
    expect(visit.row("job_")).to_have_count(1)
    visit.sees(visit.row("scripted"), "ValueError: asked to fail")
    visit.row("scripted").get_by_role("link", name=job["id"]).click()

    visit.sees(visit.panel("State"), "exhausted")
    visit.sees(visit.panel("Why is it in this state?"), "It is dead: 1 of 1 attempts failed.")
    visit.sees(visit.panel("Failed attempts"), 'raise ValueError("asked to fail")')
    visit.sees(visit.panel("Timeline"), "attempt 1 failed")
    expect(
        visit.panel("Timeline").get_by_role("group", name="Attempts").get_by_role("listitem")
    ).to_have_count(1)
    visit.sees(visit.panel("Log"), "The handler logged nothing.")
    visit.sees(visit.panel("Payload and result"), '"do": "fail"')
    created = visit.panel("State").locator(f"time[datetime='{job['created_at']}']").first
    assert f"{job['created_at']} (UTC)" in (created.get_attribute("title") or "")

    cluster.http.post("/v1/queues/mail/pause")
    visit.page.get_by_role("button", name="Retry", exact=True).click()
    visit.sees(visit.page.get_by_role("dialog"), "Run scripted again?")
    visit.confirm("Retry")
    visit.sees(visit.panel("State"), "queued")
    visit.sees(visit.panel("Why is it in this state?"), "Queue mail is paused.")
    assert cluster.job(job["id"])["state"] == "queued"
    visit.page.get_by_role("button", name="Cancel").click()
    visit.confirm("Cancel")
    visit.sees(visit.panel("Why is it in this state?"), "It was cancelled: a client requested it.")
    assert cluster.job(job["id"])["state"] == "cancelled"

    visit.page.get_by_role("button", name="Delete").click()
    visit.confirm("Delete")
    visit.sees(visit.page.get_by_role("heading", level=1), "Jobs")
    assert cluster.http.get(f"/v1/jobs/{job['id']}").status_code == 404


def test_a_job_runs_again_with_changes(visit: Visit, system: System) -> None:
    cluster = system.cluster
    job = cluster.submit(queue="again", payload={"do": "give_up", "value": 9007199254740993}, tags={"a": "b"})
    cluster.until(job["id"], "dead")
    cluster.http.post("/v1/queues/again/pause")
    visit.open(f"#/jobs/{job['id']}")
    # The same job, with another payload.
    visit.page.get_by_role("button", name="Edit and retry").click()
    dialog = visit.page.get_by_role("dialog")
    dialog.get_by_label("Payload").fill('{"do": }')
    visit.confirm("Retry")
    visit.sees(dialog.get_by_role("alert"), "Payload is not valid JSON")
    dialog.get_by_label("Payload").fill('{"value": 9007199254740993}')
    visit.confirm("Retry")
    visit.sees(visit.panel("State"), "queued")
    assert cluster.job(job["id"])["payload"] == {"value": 9007199254740993}
    # Another job like it: integers stay as they are.
    visit.page.get_by_role("button", name="Run again with changes").click()
    dialog.get_by_label("Priority").fill("7")
    visit.confirm("Submit")
    visit.is_not_at(job["id"])
    new = cluster.http.get("/v1/jobs?queue=again").json()["items"][0]
    visit.sees(visit.page.get_by_role("heading", level=1), new["id"])
    assert (new["payload"], new["priority"], new["tags"]) == ({"value": 9007199254740993}, 7, {"a": "b"})


def test_a_waiting_job_runs_now_and_the_page_follows_it_to_its_end(visit: Visit, system: System) -> None:
    job = system.cluster.submit(delay_seconds=3600, payload={"do": "log"})
    visit.open(f"#/jobs/{job['id']}")
    visit.sees(visit.panel("Why is it in this state?"), "It is scheduled for")
    visit.page.get_by_role("button", name="Run now").click()
    visit.confirm("Run now")
    visit.sees(visit.panel("State"), "succeeded")
    visit.sees(visit.panel("State"), "1 of 2 half")
    visit.sees(visit.panel("Log"), "a line")
    expect(visit.page.get_by_role("button", name="Run now")).to_have_count(0)


def test_refusals_of_the_api_are_shown_in_its_words(visit: Visit, system: System) -> None:
    cluster = system.cluster
    job = cluster.submit(queue="stopped", delay_seconds=3600)
    visit.open(f"#/jobs/{job['id']}")
    visit.page.get_by_role("button", name="Run now").click()
    cluster.http.post(f"/v1/jobs/{job['id']}/cancel")
    visit.confirm("Run now")
    visit.sees(
        visit.page.get_by_role("alert").filter(has_text="Run now failed"), "Conflict: The job is cancelled."
    )
    visit.sees(visit.panel("State"), "cancelled")
    visit.expected = {409}


def test_picked_rows_are_acted_on_together(visit: Visit, system: System) -> None:
    cluster = system.cluster
    jobs = [cluster.submit(queue="picked", delay_seconds=3600) for _ in range(4)]
    visit.open("#/jobs?queue=picked")
    for job in jobs[:3]:
        visit.page.get_by_label(f"Select {job['id']}").check()
    visit.page.get_by_role("button", name="Cancel 3").click()
    visit.sees(visit.page.get_by_role("dialog"), "Cancel 3 jobs?")
    visit.confirm("Cancel")
    visit.sees(visit.page.get_by_role("status"), "3 jobs cancelled.")
    assert [cluster.job(job["id"])["state"] for job in jobs] == ["cancelled"] * 3 + ["scheduled"]
    expect(visit.row("cancelled requested")).to_have_count(3)


def test_all_that_match_are_counted_and_then_acted_on(visit: Visit, system: System) -> None:
    cluster = system.cluster
    jobs = [cluster.submit(queue="swept", delay_seconds=3600) for _ in range(3)]
    visit.open("#/jobs")
    expect(visit.page.get_by_role("button", name="Cancel all")).to_be_disabled()
    visit.go("#/jobs?queue=swept")
    visit.page.get_by_role("button", name="Cancel all").click()
    visit.sees(visit.page.get_by_role("dialog"), "3 jobs match. Cancel them all?")
    visit.confirm("Cancel all")
    visit.sees(visit.page.locator("#bulk"), "succeeded: 3 cancelled, 0 skipped.")
    # A deletion cannot be undone, so the number must be typed.
    visit.page.get_by_role("button", name="Delete all").click()
    dialog = visit.page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Delete all")).to_be_disabled()
    dialog.get_by_label("Type 3").fill("3")
    visit.confirm("Delete all")
    visit.sees(visit.page.locator("#bulk"), "succeeded: 3 deleted, 0 skipped.")
    visit.sees(visit.panel("Newest first"), "No jobs match.")
    assert cluster.http.get(f"/v1/jobs/{jobs[0]['id']}").status_code == 404
    visit.go("#/bulk-actions")
    visit.sees(visit.row("delete jobs").first, "queue swept")
    visit.row("delete jobs").first.get_by_role("link").first.click()
    visit.sees(visit.panel("State"), "3 deleted, 0 skipped")


def test_numbers_of_64_bits_are_shown_as_they_are(visit: Visit, system: System) -> None:
    job = system.cluster.submit(payload={"value": 9007199254740993, "seconds": 0})
    system.cluster.until(job["id"], "succeeded")
    visit.open(f"#/jobs/{job['id']}")
    expect(visit.panel("Payload and result").locator("#payload-value")).to_contain_text("9007199254740993")
    expect(visit.panel("Payload and result").locator("#result-value")).to_contain_text("9007199254740993")


def test_a_job_that_does_not_exist_is_reported(visit: Visit) -> None:
    visit.open("#/jobs/job_01M85QCM3VN2A0H686WCBXCF8E")
    visit.sees(visit.panel("State").get_by_role("alert"), "Not Found")
    visit.expected = {404}
    visit.go("#/nowhere")
    visit.sees(visit.page.get_by_role("main"), "This page does not exist.")
