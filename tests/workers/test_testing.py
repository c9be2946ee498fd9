"""The test helpers for handler authors: the same outcomes as in a worker, without a server."""

import asyncio
import threading
from typing import Any

import pytest

from workers.handler import NonRetryable, RateLimited, Retry, Snooze, job
from workers.testing import run, run_twice

pytestmark = pytest.mark.anyio


@job(retry={"max_attempts": 2, "delay_seconds": 8, "jitter": 0})
async def raise_it(ctx: Any, kind: str) -> None:
    raise {
        "error": ValueError("no"),
        "retry": Retry(defer=5),
        "snooze": Snooze(60),
        "rate": RateLimited(30),
        "rate at once": RateLimited(0),
        "snooze at once": Snooze(-3),
        "long rate": RateLimited(3_600),
        "final": NonRetryable("gone"),
    }[kind]


@job(name="add-up")
async def add_up(ctx: Any, numbers: list[int]) -> int:
    await ctx.progress(1, 2, "adding")
    await ctx.log(f"of {len(numbers)}")
    return sum(numbers)


@job
async def hang(ctx: Any) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("kind", "failures", "state", "reason", "delay"),
    [
        ("error", 0, "retrying", None, 8),
        ("error", 1, "dead", "exhausted", 0),
        ("retry", 0, "retrying", None, 5),
        ("snooze", 1, "scheduled", None, 60),
        ("rate", 1, "queued", None, 30),
        ("rate at once", 0, "queued", None, 1),
        ("snooze at once", 0, "scheduled", None, 1),
        ("long rate", 0, "scheduled", None, 3_600),
        ("final", 0, "dead", "non_retryable", 0),
    ],
)
async def test_the_outcome_is_the_one_that_a_worker_would_decide(
    kind: str, failures: int, state: str, reason: str | None, delay: float
) -> None:
    end = await run(raise_it, {"kind": kind}, failures=failures)
    assert (end.state, end.reason, end.delay_seconds) == (state, reason, delay)


async def test_a_handler_that_defers_too_often_has_failed() -> None:
    end = await run(raise_it, {"kind": "snooze"}, deferrals=99)
    assert (end.state, end.delay_seconds) == ("scheduled", 60)
    end = await run(raise_it, {"kind": "snooze"}, deferrals=100)
    assert (end.state, end.delay_seconds) == ("retrying", 8)
    assert end.error is not None
    assert end.error.type == "TooManyDeferrals"


async def test_a_payload_is_read_and_a_result_kept_as_json() -> None:
    end = await run(add_up, {"numbers": [1, 2]})
    assert (end.state, end.result, end.error) == ("succeeded", 3, None)
    assert end.reports.progress == [{"current": 1, "total": 2, "message": "adding"}]
    assert end.reports.lines == ["of 2"]


async def test_a_payload_that_does_not_fit_is_refused_as_in_a_worker() -> None:
    end = await run(add_up, {"numbers": ["x"]})
    assert (end.state, end.reason) == ("dead", "non_retryable")
    assert end.error is not None
    assert "/numbers/0" in end.error.message


async def test_a_result_that_is_not_json_is_a_failure() -> None:
    async def give_object(ctx: Any) -> object:
        return object()

    assert (await run(give_object)).state == "dead"


async def test_a_function_is_told_of_its_timeout_and_an_unresponsive_one_is_abandoned() -> None:
    told: list[tuple[bool, str | None]] = []
    gate = threading.Event()

    def listen(ctx: Any) -> None:
        told.append((ctx.cancelled.wait(10), ctx.cancel_reason))

    def ignore(ctx: Any) -> None:
        gate.wait(60)

    for handler in (listen, ignore):
        end = await run(handler, timeout_seconds=0.05, grace_seconds=0.05)
        assert end.error is not None
        assert (end.state, end.error.type) == ("retrying", "TimeoutError")
    assert told == [(True, "timeout")]
    gate.set()


async def test_a_handler_that_does_not_end_is_timed_out() -> None:
    end = await run(hang, timeout_seconds=0.05)
    assert end.error is not None
    assert (end.state, end.error.type) == ("retrying", "TimeoutError")


async def test_plain_functions_and_those_of_processes_run_in_a_thread() -> None:
    def where(ctx: Any) -> bool:
        ctx.log("here")
        return threading.current_thread() is threading.main_thread()

    assert (await run(where)).result is False
    end = await run(job(executor="process")(where))
    assert (end.result, end.reports.lines) == (False, ["here"])


async def test_enqueued_jobs_are_reported_and_checked() -> None:
    async def ask(ctx: Any, broken: bool = False) -> str:
        await ctx["redis"].enqueue_job("send", "a@b.c", _defer_by=5)
        options = {"priority": 5000} if broken else {"priority": 5}
        return await ctx.fan_out("item", [{"n": 1}, {"n": 2}], then="report", **options)

    end = await run(ask)
    sent, fan_out = end.reports.enqueued[0], end.reports.fan_outs[0]
    assert (sent.function, sent.args, sent.options) == ("send", ("a@b.c",), {"_defer_by": 5})
    assert (fan_out.name, fan_out.payloads, fan_out.then) == ("item", [{"n": 1}, {"n": 2}], "report")
    assert end.result.startswith("fan_")
    assert (await run(ask, {"broken": True})).state == "retrying"


@pytest.mark.parametrize(
    "options",
    [{"_queue_name": "a b"}, {"_defer_by": 1e12}, {"_job_id": "a\nb"}, {"text": "x" * 65_536}],
)
async def test_a_call_that_a_worker_would_refuse_is_refused_here_as_well(options: dict[str, Any]) -> None:
    async def ask(ctx: Any) -> None:
        await ctx["redis"].enqueue_job("send", **options)

    end = await run(ask)
    assert (end.state, end.reports.enqueued) == ("retrying", [])
    assert end.error is not None
    assert end.error.type in ("SpecInvalid", "PayloadTooLarge")


async def test_a_job_waits_for_children_until_they_are_among_its_dependencies() -> None:
    async def split(ctx: Any) -> list[Any]:
        await ctx.add_children(
            {"a": {"job": {"name": "part"}}, "b": {"job": {"name": "part"}, "depends_on": ["a"]}}
        )
        return [end["result"] for end in (await ctx.dependencies()).values()]

    waiting = await run(split)
    assert (waiting.state, list(waiting.reports.children)) == ("blocked", ["a", "b"])
    ended = {key: {"state": "succeeded", "result": key * 2, "error": None} for key in ("a", "b")}
    assert (await run(split, dependencies=ended)).result == ["aa", "bb"]


async def test_a_limiter_lets_everything_pass_and_the_context_is_there() -> None:
    async def limited(ctx: Any) -> list[Any]:
        for _ in range(3):
            await ctx.limiter("crm", 1, 3600).acquire()
        return [ctx["greeting"], ctx["job_try"]]

    assert (await run(limited, failures=1, context={"greeting": "hello"})).result == ["hello", 2]


async def test_two_runs_of_one_job_show_whether_a_handler_is_idempotent() -> None:
    sent: list[str] = []
    charged: dict[str, int] = {}

    async def careless(ctx: Any) -> None:
        sent.append(ctx["job_id"])

    async def careful(ctx: Any) -> None:
        charged.setdefault(ctx["job_id"], 500)

    await run_twice(careless)
    await run_twice(careful)
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert list(charged.values()) == [500]
