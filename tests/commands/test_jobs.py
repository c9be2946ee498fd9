"""Commands on jobs: their output and exit codes, against a real API."""

import asyncio
from typing import Any

import orjson
import pytest

from service.domain.outcome import Failed, Failure
from service.store.namespace import Namespace
from tests.api.running import Running
from tests.commands.conftest import Triage
from tests.support.eventually import eventually
from tests.support.factories import OK, claim, finish, submit

ENDS = [("succeeded", 0), ("dead", 3), ("cancelled", 4)]


async def end_as(store: Namespace, running: Running, state: str, job_id: str = "") -> None:
    """Finish the queued job with this outcome."""
    if state == "cancelled":
        async with running.client() as http:
            found = job_id or (await http.get("/v1/jobs")).json()["items"][0]["id"]
            assert (await http.post(f"/v1/jobs/{found}/cancel")).status_code == 200
        return
    lease = (await claim(store)).leases[0]
    outcome = OK if state == "succeeded" else Failed(Failure("ValueError", "no"), retryable=False)
    await finish(store, lease, outcome)


@pytest.mark.parametrize(("state", "code"), ENDS)
async def test_submit_with_wait_exits_as_its_job_finished(
    triage: Triage, running: Running, store: Namespace, state: str, code: int
) -> None:
    waiting = asyncio.create_task(triage("submit", "work", "--wait", "20"))

    async def queued() -> None:
        async with running.client() as http:
            assert (await http.get("/v1/jobs")).json()["items"]

    await eventually(queued)
    await end_as(store, running, state)
    ended = await waiting
    assert (ended.code, ended.err) == (code, "")
    assert f"  work  {state}" in ended.out


@pytest.mark.parametrize(("state", "code"), ENDS)
async def test_tail_exits_as_its_job_finished(
    triage: Triage, running: Running, store: Namespace, state: str, code: int
) -> None:
    id = await submit(store)
    following = asyncio.create_task(triage("tail", id))
    await end_as(store, running, state, id)
    ended = await following
    assert ended.code == code
    assert ended.out.splitlines()[-1] == state
    # Also for a job that has already finished.
    assert (await triage("tail", id, "--json")).code == code


async def test_submit_reports_that_its_job_has_not_finished_in_time(triage: Triage) -> None:
    ended = await triage("submit", "work", "--wait", "0.1", "--json")
    assert ended.code == 5
    job = orjson.loads(ended.out)
    assert job["state"] == "queued"
    assert ended.err == f"triage: {job['id']} has not finished after 0.1 s\n"


async def test_submit_without_wait_and_get_succeed_whatever_the_job(
    triage: Triage, running: Running, store: Namespace
) -> None:
    ended = await triage("submit", "work", "--json")
    id = orjson.loads(ended.out)["id"]
    await end_as(store, running, "cancelled", id)
    assert ((await triage("get", id)).code, ended.code) == (0, 0)


async def test_an_invalid_id_is_not_found_and_changes_no_path(triage: Triage) -> None:
    for id in ("../queues", "job_1?x=1", "a/b", "ü", "\x07"):
        ended = await triage("get", id)
        assert (ended.code, ended.err.startswith("triage: 404 not_found")) == (1, True), ended.err


def rows(output: str) -> list[str]:
    return [line for line in output.splitlines() if "│" in line]


async def test_a_table_in_a_pipe_has_whole_rows(triage: Triage, store: Namespace, running: Running) -> None:
    queue, id = "a-queue-with-a-name-" + "x" * 100, await submit(store, name="n" * 128)
    async with running.client() as http:
        await http.put("/v1/schedules/" + "s" * 64, json={"every_seconds": 60, "job": {"name": "n" * 128}})
        await http.post(f"/v1/queues/{queue}/pause")
    lease = (await claim(store, types={"n" * 128: None})).leases[0]
    await finish(store, lease, Failed(Failure("ValueError", "no"), retryable=False))
    for command, wanted in (
        (("queues",), [queue]),
        (("dlq", "list"), [id, "n" * 128]),
        (("schedules",), ["s" * 64, "n" * 128]),
    ):
        out = (await triage(*command, COLUMNS="80")).out
        assert "…" not in out
        for text in wanted:
            assert any(text in row for row in rows(out)), (command, text)


async def test_a_narrow_terminal_folds_and_cuts_nothing(
    triage: Triage, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.commands.tables.UNBOUNDED", 60)
    id: Any = await submit(store, name="n" * 128)
    lease = (await claim(store, types={"n" * 128: None})).leases[0]
    await finish(store, lease, Failed(Failure("ValueError", "no"), retryable=False))
    out = (await triage("dlq", "list")).out
    assert "…" not in out
    # The id stays whole, the name is folded.
    assert any(id in row for row in rows(out))
    assert sum(row.count("n") for row in rows(out)) >= 128
