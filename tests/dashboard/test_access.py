"""Keys: the page prompts for one, keeps it in the tab, and offers only what it allows."""

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
    expect(page.get_by_label("API key")).to_have_count(0)
    expect(page.get_by_text("staging")).to_be_visible()
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


def test_a_key_that_only_reads_is_offered_nothing_else(guarded: Visit, system: System) -> None:
    cluster = system.cluster
    cluster.http.patch("/v1/queues/seen", json={"max_depth": 10})
    job = cluster.submit(queue="seen", delay_seconds=3600)
    guarded.open("#/queues/seen")
    guarded.use_key(system.keys[FEW])
    expect(guarded.page.get_by_text("read-only")).to_be_visible()
    pause = guarded.page.get_by_role("button", name="Pause queue seen")
    expect(pause).to_be_disabled()
    expect(pause).to_have_attribute("title", "This key lacks the scope queues:admin.")
    guarded.go("#/")
    guarded.sees(guarded.panel("Workers").get_by_role("alert"), "This key lacks the scope workers:read.")
    expect(guarded.panel("Queues").get_by_role("alert")).to_be_empty()
    guarded.go("#/dead-letters")
    guarded.sees(guarded.panel("Newest job first"), "This key lacks the scope dlq:read.")
    guarded.go(f"#/jobs/{job['id']}")
    guarded.sees(guarded.panel("State"), "scheduled")
    guarded.sees(guarded.panel("Payload and result"), "This key lacks the scope payload:read")
    expect(guarded.page.get_by_role("button", name="Run now")).to_be_disabled()
    guarded.expected = {403}


def test_a_refusal_of_an_action_is_shown_in_the_words_of_the_api(guarded: Visit, system: System) -> None:
    """As when the scopes changed after the page had read them."""
    system.cluster.http.patch("/v1/queues/seen", json={"max_depth": 10})
    guarded.page.route("**/dashboard/access", lambda route: route.abort())
    guarded.open("#/queues/seen")
    guarded.use_key(system.keys[FEW])
    guarded.page.get_by_role("button", name="Pause queue seen").click()
    guarded.confirm("Pause")
    failure = guarded.page.get_by_role("alert").filter(has_text="Pause failed")
    guarded.sees(failure, "Forbidden: This operation requires the scope queues:admin.")
    guarded.expected = {403}
    guarded.complaints.clear()


def test_an_unavailable_api_is_reported_and_read_again(alone: Visit, system: System) -> None:
    system.cluster.http.patch("/v1/queues/kept", json={"max_depth": 10})
    alone.page.clock.install()
    alone.open("#/queues/kept")
    expect(alone.row("kept")).to_be_visible()
    alone.context.set_offline(True)
    alone.page.clock.run_for(21_000)
    alert = alone.panel("Now").get_by_role("alert")
    alone.sees(alert, "No response: The API cannot be reached. The data below is older.")
    expect(alone.row("kept")).to_be_visible()
    alone.context.set_offline(False)
    alone.page.clock.run_for(21_000)
    expect(alert).to_be_empty()
    assert all("ERR_INTERNET_DISCONNECTED" in text for text in alone.complaints)
    alone.complaints.clear()
