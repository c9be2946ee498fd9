"""Commands of operators, against a real API."""

import asyncio
from typing import Any

import orjson
import pytest

from service.commands.operations import workers
from service.domain.catalogue import JobType
from service.domain.outcome import Failed, Failure
from service.domain.states import State
from service.store.namespace import Namespace
from tests.api.running import Running
from tests.commands.conftest import Triage
from tests.support.eventually import eventually
from tests.support.factories import claim, finish, job_in, register_worker, submit
from tests.support.worker_records import WORKER


async def read(triage: Triage, *arguments: str) -> Any:
    ended = await triage(*arguments, "--json")
    assert ended.code == 0, ended.err
    return orjson.loads(ended.out)


async def test_a_queue_is_paused_and_resumed(triage: Triage) -> None:
    assert (await triage("queues", "pause", "a", "b")).out == "a: paused\nb: paused\n"
    assert [row["notes"] for row in notes((await triage("queues")).out)] == ["paused", "paused"]
    assert (await triage("queues", "resume", "a")).out == "a: running\n"
    assert (await triage("queues", "pause", "b", "--job-type", "work")).out == "b, work: paused\n"
    assert (await read(triage, "queues", "get", "b"))["paused_job_types"] == ["work"]
    assert [queue["name"] for queue in await read(triage, "queues")] == ["a", "b"]
    assert [queue["name"] for queue in await read(triage, "queues", "list", "--order", "attention")]
    assert "Deleted a.\n" in (await triage("queues", "delete", "a", typed="y\n")).out


def notes(table: str) -> list[dict[str, str]]:
    head, *rows = table.splitlines()
    return [{"notes": row[head.index("NOTES") :].strip()} for row in rows]


async def test_settings_of_a_queue_change_and_others_stay(triage: Triage) -> None:
    changed = await read(
        triage, "queues", "set", "q", "--max-concurrency", "3", "--rate", "100/60", "--smooth"
    )
    assert (changed["max_concurrency"], changed["rate_limit"]) == (
        3, {"limit": 100, "per_seconds": 60.0, "smooth": True},
    )  # fmt: skip
    await read(triage, "queues", "set", "q", "--limit-key", "acme", "--rate", "5")
    changed = await read(triage, "queues", "set", "q", "--limit-key", "acme", "--max-concurrency", "1")
    # The rate that was set before is still there.
    assert changed["keys"] == {
        "acme": {"max_concurrency": 1, "rate_limit": {"limit": 5, "per_seconds": 1.0, "smooth": False}}
    }
    changed = await read(
        triage, "queues", "set", "q", "--each-key", "--max-concurrency", "2", "--aging", "none"
    )
    assert (changed["per_key"]["max_concurrency"], changed["priority_aging_seconds"]) == (2, None)
    shown = (await triage("queues", "get", "q")).out
    assert "limits       3 at a time, 100 starts per 60 s, smooth\n" in shown
    assert "limit key    acme: 1 at a time, 5 starts per 1 s\n" in shown
    defaults = '{"timeout_seconds": 30}'
    changed = await read(
        triage, "queues", "set", "q", "--reset-key", "acme", "--max-concurrency", "none", "--max-depth", "9",
        "--defaults", defaults,
    )  # fmt: skip
    assert (changed["keys"], changed["max_concurrency"], changed["max_depth"]) == ({}, None, 9)
    assert (changed["defaults"]["timeout_seconds"], changed["rate_limit"]["limit"]) == (30, 100)


@pytest.mark.parametrize(
    "options",
    [(), ("--rate", "x"), ("--smooth",), ("--each-key",), ("--each-key", "--limit-key", "a", "--rate", "1")],
)
async def test_settings_that_mean_nothing_are_refused(triage: Triage, options: tuple[str, ...]) -> None:
    assert (await triage("queues", "set", "q", *options)).code == 2


async def test_a_purge_needs_a_confirmation(triage: Triage, store: Namespace) -> None:
    await submit(store)
    await submit(store, delay_ms=60_000)
    assert (await triage("queues", "purge", "default")).code == 2
    refused = await triage("queues", "purge", "default", typed="n\n")
    assert refused.code == 1
    assert "Cancel 2 waiting jobs of queue default?" in refused.err
    assert (await triage("queues", "purge", "default", "--yes")).out == "Cancelled 2 jobs of default.\n"


async def test_workers_are_listed_and_drained(
    triage: Triage, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "POLL", 0.02)
    assert (await triage("workers")).out.splitlines()[1].split()[:4] == [WORKER, "running", "1", "20"]
    assert "queues       default=3\n" in (await triage("workers", "get", WORKER)).out
    ended = await triage("workers", "drain", WORKER, "--wait", "0.05")
    assert ended.code == 5
    assert WORKER in ended.err
    draining = asyncio.create_task(triage("workers", "drain", WORKER, "--wait", "20"))
    await store.workers.deregister(WORKER)
    # It may have left before the request, which is then refused.
    assert (await draining).code in (0, 1)
    assert (await triage("workers", "get", WORKER)).code == 1


async def test_job_types_are_listed_with_the_fields_of_their_payloads(
    triage: Triage, store: Namespace
) -> None:
    schema = {"properties": {"to": {}, "copy": {}}, "required": ["to"]}
    types = [
        JobType(name, schema, {"queue": "outbox"}, description="Send it.") for name in ("e-mail", "e_mail")
    ]
    await register_worker(store, types, job_types=("e-mail", "e_mail"))
    rows = (await triage("job-types")).out.splitlines()
    assert [row.split() for row in rows if row.startswith("e")] == [
        ["e-mail", "outbox", "async", "to*,", "copy", "Send", "it."]
    ]
    assert {"e-mail", "e_mail"} <= {row["name"] for row in await read(triage, "job-types", "list")}
    assert '"required":["to"]' in (await triage("job-types", "get", "e_mail")).out
    unknown = await triage("job-types", "get", "male")
    assert (unknown.code, unknown.err) == (1, "triage: no live worker knows the job type male\n")


async def test_a_schedule_lives_and_dies(triage: Triage) -> None:
    job = ("--job", "work", "--payload", '{"n": 1}')
    created = await read(
        triage, "schedules", "create", "nightly", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin", *job
    )
    assert (created["cron"], created["job"]) == ("30 2 * * *", {"name": "work", "payload": {"n": 1}})
    again = await triage("schedules", "create", "nightly", "--every", "60", *job)
    assert (again.code, "exists already" in again.err) == (1, True)
    updated = await read(triage, "schedules", "update", "nightly", "--every", "60", "--overlap", "skip")
    assert (updated["cron"], updated["every_seconds"], updated["overlap"]) == (None, 60, "skip")
    assert updated["job"] == created["job"]
    assert (await triage("schedules", "pause", "nightly")).out == "nightly: paused\n"
    run = await read(triage, "schedules", "run-now", "nightly")
    assert (run["name"], run["payload"]) == ("work", {"n": 1})
    assert "every 60 s" in (await triage("schedules")).out
    shown = (await triage("schedules", "get", "nightly")).out
    assert shown.startswith("nightly  paused\n")
    assert run["id"] in shown
    assert (await triage("schedules", "resume", "nightly")).out.startswith("nightly: next at ")
    assert [row["name"] for row in await read(triage, "schedules", "list")] == ["nightly"]
    assert (await triage("schedules", "delete", "nightly", "--yes")).out == "Deleted nightly.\n"
    assert await read(triage, "schedules") == []


async def test_a_schedule_from_a_file(triage: Triage, tmp_path: Any) -> None:
    file = tmp_path / "schedule.yaml"
    file.write_text("every_seconds: 60\njob: {name: work, priority: 7}\n")
    created = await read(
        triage, "schedules", "create", "s", "--file", str(file), "--queue", "bulk", "--paused"
    )
    assert (created["job"], created["paused"]) == ({"name": "work", "priority": 7, "queue": "bulk"}, True)
    replaced = await read(triage, "schedules", "create", "s", "--every", "9", "--job", "other", "--replace")
    assert (replaced["every_seconds"], replaced["job"]) == (9, {"name": "other"})
    for wrong in (("--every", "9"), ("--every", "9", "--cron", "* * * * *", "--job", "x")):
        assert (await triage("schedules", "create", "t", *wrong)).code == 2


async def test_a_hidden_payload_is_not_stored_over_the_real_one(triage: Triage, running: Running) -> None:
    payload = '{"card": {"number": "[redacted]"}}'
    await read(triage, "schedules", "create", "s", "--every", "60", "--job", "work", "--payload", payload)
    refused = await triage("schedules", "update", "s", "--every", "90", COLUMNS="300")
    assert refused.code == 2
    assert "would be lost; give all of it" in refused.err
    assert (await triage("schedules", "update", "s", "--every", "90", "--payload", "{}")).code == 0


async def bury(store: Namespace, message: str, **fields: Any) -> str:
    id = await submit(store, **fields)
    lease = (await claim(store)).leases[0]
    await finish(store, lease, Failed(Failure("ValueError", message), retryable=False))
    return id


async def test_dead_jobs_are_grouped_by_error(triage: Triage, store: Namespace) -> None:
    for number in range(3):
        await bury(store, f"order o-{number} was deleted")
    last = await bury(store, "out of stock", queue="bulk")
    rows = await read(triage, "dlq", "groups")
    assert [row["count"] for row in rows] == [3, 1]
    assert (rows[1]["example_job_id"], rows[1]["message"]) == (last, "out of stock")
    line = (await triage("dlq", "groups", "--search", "stock")).out.splitlines()[1]
    assert line.split()[:3] == [rows[1]["fingerprint"], "1", "work"]
    assert "ValueError: out of stock" in line
    assert [row["count"] for row in await read(triage, "dlq", "groups", "--queue", "bulk")] == [1]
    found = await read(triage, "dlq", "list", "--search", "OUT of")
    assert [row["job_id"] for row in found] == [last]
    # A group is a filter.
    of_group = ("--group", rows[0]["fingerprint"])
    assert len(await read(triage, "dlq", "list", *of_group)) == 3
    assert (await triage("dlq", "retry", *of_group, "--dry-run")).out == "3 match\n"
    assert "3 deleted" in (await triage("dlq", "delete", *of_group, "--yes")).out
    assert [row["job_id"] for row in await read(triage, "dlq", "list")] == [last]
    shown = (await triage("dlq", "get", last)).out
    assert shown.startswith(f"{last}  work  dead (non_retryable)\n")


async def test_dead_jobs_run_again_or_are_deleted(triage: Triage, store: Namespace) -> None:
    ids = [await bury(store, "no") for _ in range(3)]
    assert (await triage("dlq", "retry", ids[0])).out == f"{ids[0]}  work  queued\n"
    assert (await triage("dlq", "retry", "--queue", "default", "--dry-run")).out == "2 match\n"
    done = await triage("dlq", "retry", "--queue", "default", "--max", "1")
    assert (done.code, "succeeded: 1 retried, 0 skipped" in done.out) == (0, True), done.err
    assert (await triage("dlq", "retry", ids[0], "--queue", "default")).code == 2
    assert (await triage("dlq", "delete", "--queue", "default")).code == 2
    assert "1 deleted" in (await triage("dlq", "delete", "--queue", "default", "--yes")).out
    assert (await triage("dlq", "delete")).code == 2
    assert await read(triage, "dlq", "list") == []


async def test_a_bulk_action_is_confirmed_followed_and_listed(triage: Triage, store: Namespace) -> None:
    ids = [await submit(store, tags={"tenant": "acme"}) for _ in range(3)]
    create = ("bulk", "create", "cancel", "--tag", "tenant:acme")
    assert (await triage(*create, "--dry-run")).out == "3 match\n"
    assert (await triage(*create)).code == 2
    asked = await triage(*create, typed="n\n")
    assert (asked.code, "Cancel 3 jobs?" in asked.err) == (1, True)
    done = await triage(*create, "--yes")
    assert (done.code, done.out.split(maxsplit=1)[1]) == (0, "succeeded: 3 cancelled, 0 skipped\n")
    id = done.out.split()[0]
    assert (await triage("bulk", "list")).out.splitlines()[1].split()[:3] == [id, "cancel", "succeeded"]
    assert (await read(triage, "bulk", "get", id, "--follow"))["counts"]["succeeded"] == len(ids)
    slow = await read(
        triage, "bulk", "create", "delete", "--state", "cancelled", "--rate", "0.1", "--no-follow", "--yes"
    )
    assert "paused" in (await triage("bulk", "pause", slow["id"])).out
    assert "running" in (await triage("bulk", "resume", slow["id"])).out
    assert "cancelled" in (await triage("bulk", "cancel", slow["id"])).out

    async def ended() -> None:
        assert (await triage("tail", slow["id"])).code == 4

    await eventually(ended)


async def test_retrying_by_filter_reaches_cancelled_jobs(triage: Triage, store: Namespace) -> None:
    id, _ = await job_in(store, State.CANCELLED)
    assert (await triage("bulk", "create", "retry", "--state", "cancelled", "--yes")).code == 0
    assert (await read(triage, "get", id))["state"] == "queued"
