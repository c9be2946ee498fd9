"""Commands on jobs: their output and exit codes, against a real API."""

import asyncio
from pathlib import Path

import orjson
import pytest

from service.commands.jobs.log_lines import LogLines, overlap
from service.domain.outcome import Failed, Failure
from service.domain.states import State
from service.store.namespace import Namespace
from tests.api.running import Running
from tests.commands.conftest import Triage, run
from tests.support.eventually import eventually
from tests.support.factories import OK, claim, finish, job_in, submit
from workers.handling.context import log_line

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


async def test_a_job_is_shown_with_its_attempts_and_its_log(triage: Triage, store: Namespace) -> None:
    id, lease = await job_in(store, State.RUNNING)
    assert lease is not None
    await store.leases.append_log(lease, log_line("half way"))
    await finish(
        store, lease, Failed(Failure("ValueError", "no\x1b[2J", "Traceback\n  line"), retryable=False)
    )
    shown = (await triage("get", id, "--logs")).out
    assert shown.startswith(f"{id}  work  dead (non_retryable)\n")
    assert "queue        default, priority 100\n" in shown
    assert "attempt      1 of 3 (1 failure)\n" in shown
    assert "error        ValueError: no [2J\n" in shown
    assert "attempt 1 failed " in shown
    assert "\n  Traceback\n    line\n" in shown
    assert "Z  half way\n" in shown
    document = orjson.loads((await triage("get", id, "--json", "--logs", "--attempts")).out)
    assert [row["message"] for row in document["logs"]] == ["half way"]
    assert [row["traceback"] for row in document["attempts"]] == ["Traceback\n  line"]
    assert {"attempts", "logs"}.isdisjoint(orjson.loads((await triage("get", id, "--json")).out))
    printed = (await triage("logs", id, "--follow")).out
    assert printed.endswith("Z  half way\n")
    assert orjson.loads((await triage("logs", id, "--json")).out)["message"] == "half way"


async def test_tail_prints_each_log_line_once_and_the_last_state_last(
    triage: Triage, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LogLines, "SECONDS", 0.05)
    id, lease = await job_in(store, State.RUNNING)
    assert lease is not None
    await store.leases.append_log(lease, log_line("first"))
    following = asyncio.create_task(triage("tail", id))
    await store.leases.report_progress(lease, b'{"current":1,"total":2,"message":null}')
    await store.leases.append_log(lease, log_line("last"))
    await finish(store, lease, OK)
    lines = (await following).out.splitlines()
    assert [line[-5:] for line in lines if line.startswith("  ")] == ["first", " last"]
    assert lines[-1] == "succeeded 1/2"
    # Programs get documents of jobs only, unless they ask for more.
    documents = (await triage("tail", id, "--json")).out.splitlines()
    assert [orjson.loads(line)["object"] for line in documents] == ["job"]
    documents = (await triage("tail", id, "--json", "--logs")).out.splitlines()
    assert [orjson.loads(line)["object"] for line in documents] == ["log", "log", "job"]


def test_lines_that_left_the_log_are_not_printed_again() -> None:
    assert overlap([], [1, 2]) == 0
    assert overlap([1, 2], [1, 2, 3]) == 2
    assert overlap([1, 2, 3], [3, 4]) == 1
    assert overlap([1, 2], [3, 4]) == 0
    assert overlap([1, 1], [1, 1, 1]) == 2


async def test_jobs_are_listed_by_filter(triage: Triage, store: Namespace) -> None:
    mine = await submit(store, name="report", queue="bulk", tags={"tenant": "acme"})
    other, _ = await job_in(store, State.DEAD)
    out = (await triage("list")).out
    head, *found = out.splitlines()
    assert head.split()[:4] == ["ID", "NAME", "QUEUE", "STATE"]
    assert [line.split()[0] for line in found] == [other, mine]
    assert "tenant:acme" in found[1]
    assert "dead (non_retryable)" in found[0]
    for options in (
        ("--queue", "bulk"), ("--name", "report"), ("--tag", "tenant:acme"), ("--state", "queued"),
        ("--since", "1h", "--queue", "bulk"), ("--search", "ACME"), ("--search", mine[-8:]),
    ):  # fmt: skip
        assert [row["id"] for row in orjson.loads((await triage("list", *options, "--json")).out)] == [mine]
    assert orjson.loads((await triage("list", "--until", "1h", "--json")).out) == []
    assert len(orjson.loads((await triage("list", "--limit", "1", "--json")).out)) == 1
    assert (await triage("list", "--since", "yesterday")).code == 2


async def test_actions_report_each_job_and_end_with_1_if_one_is_refused(
    triage: Triage, store: Namespace
) -> None:
    scheduled, _ = await job_in(store, State.SCHEDULED)
    dead, _ = await job_in(store, State.DEAD)
    ended = await triage("run-now", scheduled)
    assert (ended.code, ended.out) == (0, f"{scheduled}  work  queued\n")
    ended = await triage("cancel", dead, scheduled, "--reason", "not needed", "--json")
    assert ended.code == 1
    assert ended.err.startswith(f"{dead}:\ntriage: 409 invalid_state: ")
    assert orjson.loads(ended.out)["cancel_message"] == "not needed"
    ended = await triage("retry", dead, scheduled, "--payload", '{"n": 2}', "--queue", "bulk", "--json")
    retried = [orjson.loads(line) for line in ended.out.splitlines()]
    assert [(job["queue"], job["payload"]) for job in retried] == [("bulk", {"n": 2})] * 2
    assert (await triage("delete", dead)).code == 1
    await triage("cancel", dead)
    assert (await triage("delete", dead, "--json")).out == f'{{"id":"{dead}","deleted":true}}\n'
    assert (await triage("get", dead)).code == 1


async def test_deleting_asks_on_a_terminal(triage: Triage, store: Namespace) -> None:
    id, _ = await job_in(store, State.SUCCEEDED)
    ended = await triage("delete", id, typed="n\n")
    assert (ended.code, ended.out.strip()) == (1, "")
    assert f"Delete {id}? [y/N]" in ended.err
    assert f"Deleted {id}.\n" in (await triage("delete", id, typed="y\n")).out


async def test_a_job_with_every_option(triage: Triage, tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_text('{"n": 1}')
    ended = await triage(
        "submit", "work", f"@{file}", "--queue", "bulk", "--priority", "5", "--delay", "600",
        "--timeout", "9", "--max-attempts", "7", "--tag", "a:b:c", "--limit-key", "acme", "--unique", "one",
        "--on-conflict", "reject", "--json",
    )  # fmt: skip
    job = orjson.loads(ended.out)
    assert (job["payload"], job["queue"], job["priority"], job["state"]) == ({"n": 1}, "bulk", 5, "scheduled")
    assert (job["timeout_seconds"], job["max_attempts"], job["tags"]) == (9, 7, {"a": "b:c"})
    assert (job["limit_key"], job["unique"]["on_conflict"]) == ("acme", "reject")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("submit", "work", "{"), "not JSON"),
        (("submit", "work", "[1]"), "not a JSON object"),
        (("submit", "work", "@/nonexistent"), "No such file"),
        (("submit", "work", "--tag", "tenant"), "is not KEY:VALUE"),
        (("submit", "work", "--on-conflict", "reject"), "needs --unique"),
        (("get", "flow_01M8GAG74ZBHD7VNZ3MVGAAV40"), "is not a job: see `triage flows --help`"),
        (("get", ".."), "neither an ID nor a name"),
    ],
)
def test_wrong_arguments_are_refused_before_a_request(arguments: tuple[str, ...], said: str) -> None:
    ended = run(arguments, {"COLUMNS": "300", "TRIAGE_URL": "http://127.0.0.1:1"})
    assert ended.code == 2
    assert said in ended.err
