"""Around every page: keyboard, search, time zone; and lists whose state is in the address."""

from playwright.sync_api import expect

from tests.dashboard.conftest import System
from tests.dashboard.visit import Visit


def test_it_is_used_without_a_mouse(visit: Visit, system: System) -> None:
    system.cluster.http.patch("/v1/queues/keyed", json={"max_depth": 10})
    page = visit.page
    visit.open("#/queues?name=keyed")
    visit.loaded()
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


def test_shortcuts_search_move_and_select(visit: Visit, system: System) -> None:
    jobs = [system.cluster.submit(queue="shortcuts", delay_seconds=3600) for _ in range(3)]
    page = visit.page
    visit.open("#/jobs?queue=shortcuts")
    expect(visit.row("scripted")).to_have_count(3)
    for _ in range(2):
        page.keyboard.press("j")
    page.keyboard.press("k")
    expect(visit.row("scripted").first.get_by_role("link").first).to_be_focused()
    page.keyboard.press("x")
    visit.sees(page.get_by_role("group", name="Selected jobs"), "1 job selected")
    page.keyboard.press("?")
    visit.sees(page.get_by_role("dialog", name="Keyboard"), "search")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    search = page.get_by_label("ID of a job")
    expect(search).to_be_focused()
    # No shortcut while typing.
    page.keyboard.type("jk?")
    expect(search).to_have_value("jk?")
    search.fill(f" {jobs[0]['id']} ")
    page.keyboard.press("Enter")
    visit.sees(page.get_by_role("heading", level=1), jobs[0]["id"])
    expect(page).to_have_title(f"{jobs[0]['id']} – Triage")
    page.keyboard.press("g")
    page.keyboard.press("d")
    visit.sees(page.get_by_role("heading", level=1), "Dead letters")


def test_search_finds_texts_and_tags_and_refuses_unknown_ids(visit: Visit, system: System) -> None:
    job = system.cluster.submit(queue="found", delay_seconds=3600, tags={"order": "o-77"})
    dead = system.cluster.submit(queue="found", payload={"do": "give_up"})
    system.cluster.until(dead["id"], "dead")
    visit.open("#/jobs")
    search = visit.page.get_by_label("ID of a job")

    def find(text: str) -> None:
        search.fill(text)
        search.press("Enter")

    find("order:o-77")
    expect(visit.row(job["id"][-8:])).to_have_count(1)
    expect(visit.row("scripted")).to_have_count(1)
    find(job["id"][-8:])
    expect(visit.page.get_by_label("ID, name, tag or error contains")).to_have_value(job["id"][-8:])
    expect(visit.row("scripted")).to_have_count(1)
    find("ASKED to give")
    expect(visit.row(dead["id"][-8:])).to_have_count(1)
    visit.go("#/jobs?queue=found&search=asked to give")
    expect(visit.row("scripted")).to_have_count(1)
    expect(visit.row(dead["id"][-8:])).to_have_count(1)
    expect(visit.page.get_by_role("button", name="Retry all …")).to_be_disabled()
    find("sched_01M85QCM3VN2A0H686WCBXCF8E")
    visit.is_told("Type an ID such as job_…")


def test_times_are_local_or_utc(visit: Visit, system: System) -> None:
    job = system.cluster.submit(delay_seconds=3600)
    visit.open(f"#/jobs/{job['id']}")
    created = visit.panel("Timeline").locator(f"time[datetime='{job['created_at']}']")
    assert created.get_attribute("title") == f"{job['created_at']} (UTC)"
    visit.page.get_by_role("button", name="Local time").click()
    expect(created).to_have_text(job["created_at"][:19].replace("T", " "))
    visit.page.reload()
    expect(created).to_have_text(job["created_at"][:19].replace("T", " "))
    visit.page.get_by_role("button", name="UTC", exact=True).click()
    assert visit.page.evaluate("sessionStorage.length") == 0


def test_a_long_list_has_pages_with_addresses(visit: Visit, system: System) -> None:
    bulk = [{"name": "scripted", "queue": "many", "delay_seconds": 3600}] * 53
    system.cluster.http.post("/v1/jobs/bulk", json={"jobs": bulk})
    visit.open("#/jobs?queue=many")
    expect(visit.row("scripted")).to_have_count(50)
    visit.page.get_by_role("link", name="Next page").click()
    expect(visit.row("scripted")).to_have_count(3)
    expect(visit.page.get_by_role("link", name="Next page")).to_have_count(0)
    # A colleague who opens the address sees the same page.
    visit.page.reload()
    expect(visit.row("scripted")).to_have_count(3)
    visit.sees(visit.page.get_by_role("navigation", name="Pages of the list"), "Page 2")
    visit.page.get_by_role("link", name="First page").click()
    expect(visit.row("scripted")).to_have_count(50)


def test_on_a_phone_the_pages_are_behind_a_menu(alone: Visit) -> None:
    alone.page.set_viewport_size({"width": 400, "height": 800})
    alone.open()
    link = alone.page.get_by_role("link", name="Schedules")
    expect(link).to_be_hidden()
    alone.page.get_by_role("button", name="Menu").click()
    link.click()
    alone.sees(alone.page.get_by_role("heading", level=1), "Schedules")
    expect(link).to_be_hidden()


def test_no_password_field_without_keys(visit: Visit) -> None:
    visit.open("#/jobs")
    visit.loaded()
    expect(visit.page.locator("input[type=password]")).to_have_count(0)
    expect(visit.page.get_by_role("button", name="Forget key")).to_have_count(0)
