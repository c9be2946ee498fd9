"""Webhooks and API keys: reading them and changing them."""

from typing import Any

from playwright.sync_api import Route, expect

from tests.dashboard.conftest import ALL, System
from tests.dashboard.visit import Visit

#: The workers of these tests may not reach this machine, so a delivery to it fails at once.
URL = "http://127.0.0.1:9/triage-events"


def stored_secret(visit: Visit) -> str:
    """Read the secret in the dialog, and close it."""
    dialog = visit.page.get_by_role("dialog")
    secret = dialog.get_by_label("Secret").input_value()
    dialog.get_by_role("button", name="I have stored it").click()
    expect(dialog).to_have_count(0)
    assert secret not in visit.page.content()
    return secret


def test_a_webhook_from_its_creation_to_its_end(visit: Visit, system: System) -> None:
    page, http = visit.page, system.cluster.http
    dialog = page.get_by_role("dialog")
    visit.open("#/webhooks")
    page.get_by_role("button", name="New webhook").click()
    dialog.get_by_label("URL").fill("ftp://shop.example")
    visit.confirm("Save")
    visit.sees(dialog.get_by_role("alert"), "Choose at least one event.")
    dialog.get_by_label("flow.failed").check()
    dialog.get_by_label("all flow events").check()
    expect(dialog.get_by_label("flow.failed")).to_have_count(0)
    visit.confirm("Save")
    visit.sees(dialog.get_by_role("alert"), "/url")
    dialog.get_by_label("URL").fill(URL)
    visit.confirm("Save")
    secret = stored_secret(visit)
    assert secret.startswith("whsec_")
    [webhook] = http.get("/v1/webhooks").json()["items"]
    assert (webhook["url"], webhook["events"]) == (URL, ["flow.*"])
    visit.sees(page.get_by_role("heading", level=1), webhook["id"])

    page.get_by_role("button", name=f"Test {URL}").click()
    row = visit.row("webhook.test")
    visit.sees(row, "failed the address is not allowed")
    row.get_by_role("button", name="Resend").click()
    visit.confirm("Resend")
    visit.sees(page.get_by_role("status").last, "is on its way.")
    expect(row.get_by_role("cell").nth(3)).to_have_text("2")
    row.get_by_role("button", name="webhook.test").click()
    visit.sees(dialog, '"type": "webhook.test"')
    visit.confirm("Close")
    page.get_by_role("link", name="delivered", exact=True).click()
    visit.sees(visit.panel("Deliveries"), "No delivered deliveries.")

    page.get_by_role("button", name="Rotate the secret of").click()
    dialog.get_by_label("The old secret stays valid").select_option("for an hour")
    visit.confirm("Rotate")
    assert stored_secret(visit) != secret
    visit.sees(visit.panel("State"), "old secret also signs until")
    page.get_by_role("button", name=f"Disable {URL}").click()
    visit.confirm("Disable")
    visit.sees(visit.panel("State"), "on request")
    expect(page.get_by_role("button", name=f"Test {URL}")).to_be_disabled()
    page.get_by_role("button", name=f"Edit {URL}").click()
    dialog.get_by_label("Description").fill("the shop")
    visit.confirm("Save")
    visit.sees(visit.panel("State"), "the shop")
    page.get_by_role("button", name="Delete").click()
    visit.confirm("Delete")
    visit.sees(visit.panel("Endpoints"), "No webhooks.")
    assert http.get("/v1/webhooks").json()["items"] == []
    visit.expected = {422}


def test_an_endpoint_that_triage_disabled_says_why(visit: Visit, system: System) -> None:
    http = system.cluster.http
    made = http.post("/v1/webhooks", json={"url": URL, "events": ["queue.paused"]}).json()
    at = "2026-11-27T09:30:00.000Z"

    def amend(route: Route) -> None:
        answered = route.fetch()
        document: dict[str, Any] = answered.json()
        changes = {"enabled": False, "disabled_at": at, "disabled_reason": "failing", "dropped": 3}
        if "items" in document:
            changed: dict[str, Any] = {**document, "items": [{**document["items"][0], **changes}]}
        else:
            changed = {**document, **changes}
        route.fulfill(response=answered, json=changed)

    visit.page.route("**/v1/webhooks", amend)
    visit.page.route(f"**/v1/webhooks/{made['id']}", amend)
    visit.open("#/webhooks")
    visit.sees(visit.row(URL), "no attempt succeeded for a day")
    visit.row(URL).get_by_role("link", name=URL).click()
    visit.sees(visit.panel("State"), "Triage has disabled this endpoint.")
    visit.sees(visit.panel("State"), "3 events were dropped")
    visit.page.unroute_all(behavior="wait")
    http.delete(f"/v1/webhooks/{made['id']}")


def test_a_key_is_created_rotated_and_revoked(guarded: Visit, system: System) -> None:
    page, http = guarded.page, system.cluster.http
    dialog = page.get_by_role("dialog")
    guarded.open("#/api-keys")
    guarded.use_key(system.keys[ALL])
    page.get_by_role("button", name="New API key").click()
    dialog.get_by_label("Name", exact=True).fill("reports")
    guarded.confirm("Create")
    guarded.sees(dialog.get_by_role("alert"), "Choose at least one scope.")
    dialog.get_by_role("button", name="Read only").click()
    expect(dialog.get_by_label("dlq:read")).to_be_checked()
    expect(dialog.get_by_label("jobs:write")).not_to_be_checked()
    dialog.get_by_label("payload:read").check()
    dialog.get_by_label("Only these queues").fill("mail, bulk")
    dialog.get_by_label("Expires in days").fill("30")
    guarded.confirm("Create")
    secret = stored_secret(guarded)
    row = guarded.row("reports")
    for text in ("queues bulk, mail", "in 29 d", "never"):
        guarded.sees(row, text)
    headers = {"Authorization": f"Bearer {secret}"}
    assert http.get(f"{system.closed}/v1/queues/mail", headers=headers).status_code == 404

    row.get_by_role("link", name="reports").click()
    guarded.sees(guarded.panel("State"), "payload:read")
    page.get_by_role("button", name="Rotate reports").click()
    dialog.get_by_label("The old secret stays valid").select_option("for a day")
    guarded.confirm("Rotate")
    rotated = stored_secret(guarded)
    assert rotated != secret
    guarded.sees(guarded.panel("State"), "old secret works until")
    page.get_by_role("button", name="Revoke reports").click()
    guarded.confirm("Revoke")
    expect(guarded.panel("Newest first")).to_be_visible()
    expect(guarded.row("reports")).to_have_count(0)
    assert "reports" not in {key["name"] for key in http.get("/v1/api-keys").json()["items"]}
    guarded.secrets += [secret, rotated]
