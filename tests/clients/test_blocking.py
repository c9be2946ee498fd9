"""The blocking client, over a socket: its code is generated, so a tour is enough."""

from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor

import anyio.to_thread
import pytest

import triage_client
from service.store.namespace import Namespace
from tests.api.running import Running
from tests.clients.working import work
from tests.support.eventually import eventually
from triage_client import Job, Triage, job_spec


@pytest.fixture
async def blocking(running: Running) -> AsyncIterator[Triage]:
    triage = Triage(f"http://127.0.0.1:{running.port}")
    yield triage
    triage.close()


def tour(triage: Triage) -> list[str]:
    """Call the methods that need no worker; returns the states of three jobs."""
    with triage:
        jobs = [row.unwrap() for row in triage.submit_many([job_spec("work", {"n": n}) for n in range(3)])]
        assert [job.id for job in triage.jobs()] == [job.id for job in jobs][::-1]
        assert jobs[0].cancel().state == "cancelled"
        flow = triage.flow("two", a="work", b=job_spec("work", depends_on="a"))
        assert [row["state"] for row in flow.cancel().events()][-1] == "cancelled"
        fan_out = triage.fan_out("work", ({"n": n} for n in range(5)), chunk=2)
        assert fan_out.cancel().wait(5).state == "cancelled"
        assert [row["state"] for row in fan_out.results()] == ["cancelled"] * 5
        assert triage.queue("default").pause().paused
        assert triage.put_schedule("daily", "work", cron="@daily").run_now().state == "queued"
        with pytest.raises(triage_client.InvalidState):
            jobs[0].run_now()
        with pytest.raises(triage_client.WaitTimeout):
            triage.submit("work").result(timeout=0.01)
    return [job.state for job in jobs]


async def test_the_blocking_client_does_the_same(blocking: Triage) -> None:
    assert await anyio.to_thread.run_sync(tour, blocking) == ["cancelled", "queued", "queued"]


async def test_threads_share_a_client_and_wait_for_results(blocking: Triage, store: Namespace) -> None:
    def one(n: int) -> object:
        job: Job = blocking.submit("work", {"n": n})
        return job.result(timeout=30)

    def many() -> list[object]:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(one, range(8)))

    results: list[object] = []

    async def submit() -> None:
        results.extend(await anyio.to_thread.run_sync(many))

    async def run_until(is_done: Callable[[], bool]) -> None:
        async def check() -> None:
            await work(store)
            assert is_done()

        await eventually(check, 30)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(submit)
        await run_until(lambda: len(results) == 8)
    assert results == [{"ok": True}] * 8
