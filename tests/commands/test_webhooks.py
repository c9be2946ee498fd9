"""triage webhooks, against a real API whose worker is the test."""

import asyncio
from pathlib import Path
from typing import Any
from unittest import mock

import orjson
import pytest

from service.commands.access import deliveries
from service.store.namespace import Namespace
from tests.api.running import Running
from tests.commands.conftest import Triage, run
from tests.e2e.processes import free_port
from tests.store.webhooks import accept, drain, lease, reject
from tests.support.eventually import eventually
from triage_client import NotReplicated

URL = "https://shop.example/events"
PROBLEM = {"status": 503, "code": "not_replicated", "detail": "no replica"}


async def read(triage: Triage, *arguments: str) -> Any:
    ended = await triage(*arguments, "--json")
    assert ended.code == 0, ended.err
    return orjson.loads(ended.out)


async def create(triage: Triage, *options: str) -> dict[str, Any]:
    return await read(triage, "webhooks", "create", URL, "--event", "*", *options)


async def test_an_endpoint_lives_and_dies(triage: Triage) -> None:
    made = await triage("webhooks", "create", URL, "--event", "job.dead", "--event", "flow.*")
    id, secret = made.out.split()[0], made.out.splitlines()[-1]
    assert secret.startswith("whsec_")
    assert "The secret is shown only once:" in made.out
    rows = (await triage("webhooks")).out.splitlines()
    assert rows[1].split()[:5] == [id, "enabled", URL, "job.dead", "flow.*"]
    changes = ("--endpoint", f"{URL}/2", "--event", "queue.*", "--description", "the shop")
    changed = await read(triage, "webhooks", "update", id, *changes)
    assert (changed["url"], changed["events"], changed["description"]) == (
        f"{URL}/2",
        ["queue.*"],
        "the shop",
    )
    assert (await triage("webhooks", "update", id)).code == 2
    rotated = await triage("webhooks", "rotate", id, "--overlap-seconds", "60")
    assert "also signs until" in rotated.out
    assert rotated.out.splitlines()[-1] not in (secret, "")
    assert (await triage("webhooks", "disable", id)).out == f"{id}: disabled (on request)\n"
    assert "disabled (on request)" in (await triage("webhooks", "get", id)).out
    assert (await triage("webhooks", "enable", id)).out == f"{id}: enabled\n"
    assert secret not in (await triage("webhooks", "get", id, "--json")).out
    assert (await triage("webhooks", "delete", id, "--yes")).out == f"Deleted {id}.\n"
    assert await read(triage, "webhooks", "list") == []
    wrong = await triage("webhooks", "create", "ftp://x", "--event", "job.exploded")
    assert (wrong.code, "/url: " in wrong.err, "/events/0" in wrong.err) == (1, True, True)
    callbacks = await read(triage, "webhooks", "rotate", "callbacks")
    assert callbacks["secret"].startswith("whsec_")


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [(accept, 0, "delivered: 204"), (reject, 1, "pending: 500"), (None, 5, "no worker has attempted it")],
    ids=["accepted", "rejected", "not attempted"],
)
async def test_a_test_event_reports_the_response_of_the_endpoint(
    triage: Triage, store: Namespace, monkeypatch: pytest.MonkeyPatch, end: Any, code: int, said: str
) -> None:
    monkeypatch.setattr(deliveries, "POLL", 0.02)
    id = (await create(triage))["id"]
    sending = asyncio.create_task(triage("webhooks", "test", id, "--wait", "20" if end else "0.05"))

    async def attempted() -> None:
        leased = (await lease(store)).leased
        assert leased
        await end(store, leased[0])

    if end:
        await eventually(attempted)
    ended = await sending
    assert (ended.code, said in ended.out + ended.err) == (code, True)
    await drain(store)


async def test_deliveries_are_listed_shown_and_sent_again(triage: Triage, store: Namespace) -> None:
    id = (await create(triage))["id"]
    sent = await read(triage, "webhooks", "test", id, "--wait", "0")
    (leased,) = (await lease(store)).leased
    await reject(store, leased)
    line = (await triage("webhooks", "deliveries", id)).out.splitlines()[1].split()
    assert line[:6] == [sent["id"], "webhook.test", id, "pending", "1", "500"]
    assert await read(triage, "webhooks", "deliveries", id, "--status", "failed") == []
    shown = (await triage("webhooks", "delivery", id, sent["id"])).out
    assert '"type":"webhook.test"' in shown
    assert "after 5ms: 500\n" in shown
    assert (await triage("webhooks", "resend", id, sent["id"])).out == f"{sent['id']}: pending: 500\n"
    await drain(store)
    assert (await triage("webhooks", "resend", id, sent["id"], "del_none")).code == 1
    await drain(store)


async def test_submissions_have_callbacks(triage: Triage, tmp_path: Path) -> None:
    job = await read(triage, "submit", "work", "--callback", URL)
    assert job["callback"] == {"url": URL, "events": ["job.succeeded", "job.dead", "job.cancelled"]}
    items = tmp_path / "items"
    items.write_text("{}\n{}\n")
    options = ("--items", str(items), "--no-follow", "--callback", URL)
    assert (await read(triage, "fan-out", "work", *options))["callback"]["url"] == URL


def test_submissions_wait_for_a_replica(tmp_path: Path) -> None:
    flow, items = tmp_path / "flow", tmp_path / "items"
    flow.write_text('{"name": "f", "jobs": {"a": {"job": {"name": "work"}}}}')
    items.write_text("{}\n")
    for words in (("submit", "work"), ("flow", str(flow)), ("fan-out", "work", "--items", str(items))):
        with mock.patch("triage_client._sync.http.Http.send", side_effect=NotReplicated(PROBLEM)) as send:
            ended = run((*words, "--durability", "replicated"), {})
        assert (ended.code, ended.err.splitlines()[-1]) == (1, "triage: 503 not_replicated: no replica")
        assert send.call_args.args[0].headers["Durability"] == "replicated"


async def test_a_key_is_managed_over_the_api(triage: Triage, running: Running) -> None:
    create = ("keys", "create", "mailer", "--scopes", "jobs:write,jobs:read", "--queues", "mail")
    key = await read(triage, *create, "--expires-days", "1")
    assert (key["scopes"], key["queues"], key["object"]) == (["jobs:read", "jobs:write"], ["mail"], "api_key")
    assert key["expires_at"] is not None
    shown = (await triage("keys", "get", key["id"])).out
    assert "queues mail" in shown
    assert key["key"] not in shown
    rotated = (await triage("keys", "rotate", key["id"], "--overlap-seconds", "60")).out
    assert f"{key['id']} for namespace {key['namespace']}. The key is shown only once:\ntriage_" in rotated
    assert [row["id"] for row in await read(triage, "keys", "list")] == [key["id"]]
    refused = await triage(*create, "--namespace", "other", COLUMNS="300")
    assert (refused.code, "only where TRIAGE_REDIS_URL is set" in refused.err) == (2, True)
    assert (await triage("keys", "revoke", key["id"])).out == f"Revoked {key['id']}.\n"
    assert (await triage("keys", "get", key["id"])).code == 1


def test_who_has_neither_api_nor_key_is_told_where_none_is_needed() -> None:
    ended = run(("keys", "list"), {"TRIAGE_URL": f"http://127.0.0.1:{free_port()}"})
    assert ended.code == 1
    assert ended.err.endswith(
        "Where TRIAGE_REDIS_URL is set, `triage keys` needs neither an API nor a key.\n"
    )


async def test_an_option_leads_to_the_api_also_where_redis_is_known(
    triage: Triage, running: Running, redis_url: str, namespace: str
) -> None:
    url = f"http://127.0.0.1:{running.port}"
    options = ("--scopes", "jobs:read", "--json")
    made = await triage("keys", "create", "x", *options, "--url", url, TRIAGE_REDIS_URL=redis_url)
    assert orjson.loads(made.out)["namespace"] == namespace
    directly = await triage("keys", "create", "x", *options, TRIAGE_REDIS_URL=redis_url, COLUMNS="300")
    assert (directly.code, "Redis has all namespaces" in directly.err) == (2, True)
