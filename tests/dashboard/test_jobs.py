"""Finding a job, understanding it, and acting on it."""

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
    visit.sees(visit.row(job["id"]), "ValueError: asked to fail")
    visit.row(job["id"]).get_by_role("link", name=job["id"]).click()

    visit.sees(visit.panel("State"), "exhausted")
    visit.sees(visit.panel("Why is it in this state?"), "It is dead: 1 of 1 attempts failed.")
    visit.sees(visit.panel("Failed attempts"), 'raise ValueError("asked to fail")')
    visit.sees(visit.panel("Log"), "The handler logged nothing.")
    visit.sees(visit.panel("Payload and result"), '"do": "fail"')
    created = visit.panel("State").locator(f"time[datetime='{job['created_at']}']").first
    assert created.get_attribute("title") == f"{job['created_at']} (UTC)"

    cluster.http.post("/v1/queues/mail/pause")
    visit.page.get_by_role("button", name="Retry").click()
    visit.sees(visit.page.get_by_role("dialog"), "Run scripted again?")
    visit.confirm("Retry")
    visit.sees(visit.panel("State"), "queued")
    visit.sees(visit.panel("Why is it in this state?"), "Queue mail is paused.")
    assert cluster.job(job["id"])["state"] == "queued"
    visit.page.get_by_role("button", name="Cancel").click()
    visit.confirm("Cancel")
    visit.sees(visit.panel("Why is it in this state?"), "It was cancelled: a client requested it.")
    assert cluster.job(job["id"])["state"] == "cancelled"


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
    visit.page.clock.install()
    visit.open(f"#/jobs/{job['id']}")
    visit.page.get_by_role("button", name="Run now").click()
    cluster.http.post(f"/v1/jobs/{job['id']}/cancel")
    visit.confirm("Run now")
    visit.sees(
        visit.page.get_by_role("alert").filter(has_text="Run now failed"), "Conflict: The job is cancelled."
    )
    visit.sees(visit.panel("State"), "cancelled")
    cluster.http.delete(f"/v1/jobs/{job['id']}")
    visit.page.clock.run_for(3_100)
    visit.sees(visit.panel("State").get_by_role("alert"), "Not Found")
    visit.expected = {404, 409}


def test_a_long_list_grows_by_pages(visit: Visit, system: System) -> None:
    for number in range(53):
        system.cluster.submit(queue="many", delay_seconds=3600, payload={"value": number})
    visit.open("#/jobs?queue=many")
    expect(visit.row("job_")).to_have_count(50)
    visit.page.get_by_role("button", name="Show more").click()
    expect(visit.row("job_")).to_have_count(53)
    expect(visit.page.get_by_role("button", name="Show more")).to_have_count(0)
    visit.page.get_by_role("button", name="Refresh").click()
    expect(visit.row("job_")).to_have_count(50)


def test_numbers_of_64_bits_are_shown_as_they_are(visit: Visit, system: System) -> None:
    job = system.cluster.submit(payload={"value": 9007199254740993, "seconds": 0})
    system.cluster.until(job["id"], "succeeded")
    visit.open(f"#/jobs/{job['id']}")
    expect(visit.panel("Payload and result").locator("#payload-value")).to_contain_text("9007199254740993")
    expect(visit.panel("Payload and result").locator("#result-value")).to_contain_text("9007199254740993")


def test_an_id_leads_to_what_it_names(visit: Visit, system: System) -> None:
    job = system.cluster.submit(delay_seconds=3600)
    visit.open()
    visit.page.get_by_label("ID of a job").fill(f" {job['id']} ")
    visit.page.keyboard.press("Enter")
    visit.sees(visit.page.get_by_role("heading", level=1), job["id"])
    assert visit.page.title() == f"{job['id']} – Triage"
    visit.page.get_by_label("ID of a job").fill("sched_1")
    visit.page.keyboard.press("Enter")
    visit.is_told("IDs begin with job_, flow_ or fan_.")


def test_a_job_that_does_not_exist_is_reported(visit: Visit) -> None:
    visit.open("#/jobs/job_01M85QCM3VN2A0H686WCBXCF8E")
    visit.sees(visit.panel("State").get_by_role("alert"), "Not Found")
    visit.expected = {404}
    visit.open("#/nowhere")
    visit.sees(visit.page.get_by_role("main"), "This page does not exist.")
