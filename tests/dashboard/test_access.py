"""Keys: the page prompts for one, keeps it in the tab, and names a missing scope."""

from playwright.sync_api import expect

from service.api.auth.credentials import new_secret
from tests.dashboard.conftest import ALL, FEW, System
from tests.dashboard.visit import Visit


def test_the_page_prompts_for_a_key_and_keeps_it_in_the_tab(guarded: Visit, system: System) -> None:
    page = guarded.page
    guarded.open("#/jobs")
    guarded.is_told("This API requires a key.")
    expect(page.get_by_label("API key")).to_be_focused()
    guarded.use_key("not a key")
    guarded.is_told("This is not a valid API key.")
    guarded.use_key(new_secret())
    guarded.is_told("The API rejected this key: it is unknown or revoked.")
    key = system.keys[ALL]
    guarded.use_key(key)
    expect(guarded.panel("Newest first")).to_be_visible()
    expect(page.get_by_label("API key")).to_be_hidden()
    assert page.evaluate("Object.values(sessionStorage)") == [key]
    assert page.evaluate("[document.cookie, localStorage.length]") == ["", 0]
    assert (
        page.evaluate("document.documentElement.outerHTML.includes(sessionStorage['triage-api-key'])")
        is False
    )
    page.reload()
    expect(guarded.panel("Newest first")).to_be_visible()
    page.get_by_role("button", name="Forget key").click()
    guarded.is_told("This API requires a key.")
    assert page.evaluate("sessionStorage.length") == 0
    guarded.expected = {401}


def test_a_panel_that_lacks_a_scope_names_it_and_others_keep_working(guarded: Visit, system: System) -> None:
    cluster = system.cluster
    cluster.http.patch("/v1/queues/seen", json={"max_depth": 10})
    job = cluster.submit(queue="seen", delay_seconds=3600)
    guarded.open()
    guarded.use_key(system.keys[FEW])
    guarded.sees(guarded.panel("Workers").get_by_role("alert"), "This key lacks the scope workers:read.")
    expect(guarded.row("seen")).to_be_visible()
    guarded.page.get_by_role("button", name="Pause queue seen").click()
    guarded.confirm("Pause")
    failure = guarded.page.get_by_role("alert").filter(has_text="Pause failed")
    guarded.sees(failure, "Forbidden: This operation requires the scope queues:admin.")
    guarded.page.get_by_role("link", name="Dead letters").click()
    guarded.sees(guarded.panel("Newest job first"), "This key lacks the scope dlq:read.")
    guarded.page.evaluate(f"location.hash = '#/jobs/{job['id']}'")
    guarded.sees(guarded.panel("State"), "scheduled")
    guarded.sees(guarded.panel("Payload and result"), "This key lacks the scope payload:read")
    # Without a key at first.
    guarded.expected = {401, 403}


def test_an_unavailable_api_is_reported_and_read_again(visit: Visit, system: System) -> None:
    system.cluster.http.patch("/v1/queues/kept", json={"max_depth": 10})
    visit.page.clock.install()
    visit.open()
    expect(visit.row("kept")).to_be_visible()
    visit.context.set_offline(True)
    visit.page.clock.run_for(3_100)
    alert = visit.panel("Queues").get_by_role("alert")
    visit.sees(alert, "No response: The API cannot be reached. The data below is older.")
    expect(visit.row("kept")).to_be_visible()
    visit.context.set_offline(False)
    visit.page.clock.run_for(3_100)
    expect(alert).to_be_empty()
    assert all("ERR_INTERNET_DISCONNECTED" in text for text in visit.complaints)
    visit.complaints.clear()
