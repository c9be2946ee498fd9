import asyncio
import concurrent.futures
import threading
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import orjson
import pytest

from service.domain.errors import BackendUnavailable
from tests.support.eventually import eventually
from tests.workers.reporting import Notes, context
from workers.handling.context import MAX_LINE

pytestmark = pytest.mark.anyio


async def test_a_context_is_the_dictionary_that_arq_handlers_know():
    ctx = context(Notes(), redis="a client", own="thing")
    assert ctx["job_id"] == "job_1"
    assert ctx["job_try"] == 2
    assert ctx["enqueue_time"] == datetime.fromtimestamp(1_700_000_000, UTC)
    assert ctx["score"] == 1_700_000_000_500
    assert (ctx["redis"], ctx["own"]) == ("a client", "thing")


async def test_values_a_job_writes_into_its_context_stay_with_it():
    shared = {"limit": 1}
    first, second = context(Notes(), **shared), context(Notes(), **shared)
    first["limit"] = 2
    assert second["limit"] == 1


async def test_an_event_that_is_first_asked_for_after_the_cancel_is_set():
    ctx = context(Notes())
    ctx.notify_cancel("cancelled", "too expensive")
    assert ctx.cancelled.is_set()
    assert (ctx.cancel_reason, ctx.cancel_message) == ("cancelled", "too expensive")


async def test_in_a_thread_the_event_of_a_cancel_is_one_of_threads_whenever_it_comes():
    before, after = context(Notes()), context(Notes())
    before.notify_cancel("timeout")
    for ctx in (before, after):
        ctx.enter_thread()
        assert isinstance(ctx.cancelled, threading.Event)
    after.notify_cancel("timeout")
    assert (before.cancelled.is_set(), after.cancelled.is_set()) == (True, True)


async def test_a_cancel_ends_the_wait_of_a_thread_for_a_limiter():
    class Closed:
        def limiter(self, name, limit, per_seconds):
            return self

        async def acquire(self):
            await asyncio.Event().wait()

    ctx = context(Notes(), limiters=Closed())
    ctx.enter_thread()

    def handler():
        with pytest.raises(concurrent.futures.CancelledError):
            ctx.limiter("crm", 1, 1).acquire()

    waiting = asyncio.create_task(asyncio.to_thread(handler))
    ctx.notify_cancel("cancelled")
    await asyncio.wait_for(waiting, 10)


async def test_of_many_progress_reports_few_are_written_and_the_last_one_always():
    notes = Notes()
    ctx = context(notes)
    for current in range(500):
        await ctx.progress(current + 1, 500)
        await asyncio.sleep(0)  # noqa: TID251
    await ctx.flush()
    assert notes.progressed[-1] == {"current": 500, "total": 500, "message": None}
    assert len(notes.progressed) <= 5


@pytest.mark.parametrize(
    ("current", "total", "error"),
    [
        ({"step": "a"}, None, TypeError),
        ("50%", None, TypeError),
        (True, None, TypeError),
        (None, None, TypeError),
        (1, "10", TypeError),
        (float("nan"), None, ValueError),
        (1, float("inf"), ValueError),
    ],
)
async def test_progress_rejects_values_that_the_api_forbids(current, total, error):
    notes = Notes()
    with pytest.raises(error, match=r"ctx\.progress: (current|total) must be"):
        context(notes).progress(current, total)
    assert notes.progressed == []


@pytest.mark.parametrize(
    ("given", "shown"), [(3, 3), (0.5, 0.5), (Decimal("1.5"), 1.5), (Fraction(1, 4), 0.25), (2**70, 2.0**70)]
)
async def test_progress_accepts_every_number(given, shown):
    notes = Notes()
    ctx = context(notes)
    await ctx.progress(given, given)
    await ctx.flush()
    assert notes.progressed == [{"current": shown, "total": shown, "message": None}]


async def test_progress_is_written_without_a_flush():
    notes = Notes()
    await context(notes).progress(1)
    await asyncio.wait_for(notes.reported.wait(), 5)
    assert notes.progressed[0]["current"] == 1


async def test_a_write_in_progress_when_the_run_ends_is_not_lost():
    class Slow(Notes):
        def __init__(self):
            super().__init__()
            self.entered, self.go_on = asyncio.Event(), asyncio.Event()

        async def progress(self, lease, value):
            self.entered.set()
            await self.go_on.wait()
            await super().progress(lease, value)

    notes = Slow()
    ctx = context(notes)
    await ctx.progress(1)
    await notes.entered.wait()
    await ctx.progress(2)
    flushing = asyncio.create_task(ctx.flush())
    notes.go_on.set()
    await flushing
    assert [value["current"] for value in notes.progressed] == [1, 2]


async def test_lines_and_messages_are_bounded_and_printable():
    notes = Notes()
    ctx = context(notes)
    await ctx.log("\N{GRINNING FACE}" * 5_000)
    await ctx.log("a\x00b\ud800")
    await ctx.progress(1, None, "x" * 10_000)
    await ctx.flush()
    assert len(notes.logged[0].encode()) <= MAX_LINE
    assert notes.logged[1] == "a\ufffdb\ufffd"
    assert len(notes.progressed[0]["message"].encode()) <= MAX_LINE


async def test_a_log_line_carries_whole_milliseconds():
    lines = []

    class Raw(Notes):
        async def log(self, lease, line):
            lines.append(line)

    await context(Raw()).log("a")
    assert isinstance(orjson.loads(lines[0])["at_ms"], int)


async def test_a_report_that_redis_refuses_costs_the_job_nothing():
    class Away(Notes):
        async def progress(self, lease, value):
            self.reported.set()
            raise BackendUnavailable

        async def log(self, lease, line):
            raise BackendUnavailable

    notes = Away()
    ctx = context(notes)
    await ctx.log("a")
    await ctx.progress(1)
    await notes.reported.wait()
    await ctx.flush()


async def test_in_a_thread_reports_are_plain_calls():
    notes = Notes()
    ctx = context(notes)
    ctx.enter_thread()

    def handler():
        ctx.log("from a thread")
        ctx.progress(3)

    await asyncio.to_thread(handler)
    assert notes.logged == ["from a thread"]

    def written():
        assert [value["current"] for value in notes.progressed] == [3]

    await eventually(written)
