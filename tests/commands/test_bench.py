"""The parts of `triage bench`, on a real API without a socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.clock import Clock
from service.commands.bench import ends
from service.commands.bench.api import Api as Connection
from service.commands.bench.ends import End, Ends
from service.commands.bench.figures import figures, percentiles
from service.commands.bench.plan import Plan
from service.commands.bench.run import Measured
from service.commands.bench.submission import Submission, Submitter
from service.store.namespace import Namespace
from tests.api.client import Api
from tests.support.eventually import eventually
from tests.support.factories import OK, claim, finish
from triage_client import AsyncTriage, TriageError

PLAN = Plan("t", 8, 2, 1, "bench", "work", {}, False, 60)


@pytest.fixture
async def api(store: Namespace) -> AsyncIterator[Api]:
    api = Api(store.scripts.redis, store.scripts.namespace)
    yield api
    await api.close()


def connection(api: Api) -> Connection:
    return Connection(AsyncTriage("http://triage", "", max_retries=0, http_client=api.http))


def submitter(*connections: Connection) -> Submitter:
    return Submitter(connections, PLAN.spec(), Clock(), lambda: 0.0)


@pytest.mark.parametrize("batch", [1, 3, 8])
async def test_every_job_is_accepted_or_refused_with_its_code(api: Api, batch: int) -> None:
    await api.http.patch("/v1/queues/bench", json={"max_depth": 5})
    found, sent = Submission(8), list[int]()
    await submitter(connection(api), connection(api)).submit(found, batch, sent.append)
    assert (found.accepted, found.refused, dict(found.errors)) == (5, 3, {"queue_full": 3})
    assert found.first_error is not None
    assert "429 queue_full" in str(found.first_error)
    assert sent[-1] == 8
    listed = (await api.http.get("/v1/jobs", params={"tag": "triage-bench:t"})).json()["items"]
    assert len(listed) == 5
    assert set(found.milestones) <= {job["id"] for job in listed}


def test_milestones_are_the_last_of_each_part_and_the_last_of_all() -> None:
    found = Submission(1_000)
    for number in range(995):
        found.accept([str(number)])
    assert found.milestones == [*(str(number) for number in range(9, 990, 10)), "994"]
    bulk = Submission(1_000)
    for number in range(4):
        bulk.accept([f"{number}-{index}" for index in range(250)])
    assert bulk.milestones == ["0-249", "1-249", "2-249", "3-249"]


class Held(Connection):
    """Sends only when the test lets it, and counts the jobs that it was given."""

    def __init__(self, api: Api) -> None:
        super().__init__(AsyncTriage("http://triage", "", max_retries=0, http_client=api.http))
        self.asked, self.released = 0, asyncio.Event()

    async def send(self, *given: Any, **parameters: Any) -> Any:
        self.asked += 1
        await self.released.wait()
        return await super().send(*given, **parameters)


async def test_a_stopped_sender_waits_for_open_requests_and_sends_no_more(api: Api) -> None:
    held, found = Held(api), Submission(8)
    task = asyncio.create_task(submitter(held).submit(found, 1, lambda _: None))

    def asked() -> None:
        assert held.asked == 1

    await eventually(asked)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=0.05)
    assert not done
    held.released.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (held.asked, found.accepted) == (1, 1)


async def test_a_long_wait_is_explained_once(
    api: Api, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ends, "FIRST", 0.01)
    monkeypatch.setattr(ends, "LATER", 0.01)
    id, said = (await api.create())["id"], list[str]()
    waiting = asyncio.create_task(Ends(connection(api), said.append).end_of(id))

    def told() -> None:
        assert said

    await eventually(told)
    await finish(store, (await claim(store)).leases[0], OK)
    end = await waiting
    assert end is not None
    assert end.state == "succeeded"
    assert said == ["still waiting: No live worker serves queue default."]


async def test_a_server_that_is_not_triage_is_reported(api: Api) -> None:
    with pytest.raises(TriageError, match="not from Triage"):
        await connection(api).send("GET", "/docs")


def test_percentiles_are_measured_values() -> None:
    assert percentiles([]) is None
    assert percentiles([0.5]) == {"p50": 0.5, "p95": 0.5, "p99": 0.5, "max": 0.5}
    values = [number / 1000 for number in range(1, 201)]
    assert percentiles(values[::-1]) == {"p50": 0.1, "p95": 0.19, "p99": 0.198, "max": 0.2}


def submission(**given: Any) -> Submission:
    return Submission(8, 0.0, 1.0, accepted=8, request_seconds=[0.01] * 100, **given)


def noted(measured: Measured, url: str = "http://triage.example") -> str:
    return " ".join(figures(PLAN, url, measured)["notes"])


def test_intervals_of_jobs_use_only_server_times() -> None:
    jobs = [
        End("a", "succeeded", None, 1000.0, 1000.5, 1002.0),
        End("b", "dead", "exhausted", 1001.0, 1001.1, 1004.0),
        End("c", "queued", None, 1001.0, None, None),
    ]
    found = figures(PLAN, "http://triage.example", Measured({}, submission=submission(), ends=jobs))
    assert found["states"] == {"succeeded": 1, "dead": 1, "queued": 1}
    assert found["dead"] == {"exhausted": 1}
    assert (found["wait_seconds"]["p50"], found["wait_seconds"]["max"]) == (0.1, 0.5)
    assert (found["run_seconds"]["p50"], found["run_seconds"]["max"]) == (1.5, 2.9)
    assert (found["finished_seconds"], found["finished_per_second"]) == (4.0, 0.5)
    assert found["submission"]["per_second"] == 8


def test_distortions_are_reported_with_the_figures() -> None:
    assert noted(Measured({}, submission=submission())) == ""
    assert "used 90% of a core" in noted(Measured({}, submission=submission(cpu=0.9)))
    assert "was 5.0 ms late" in noted(Measured({}, submission=submission(lags=[0.005])))
    assert "on this machine" in noted(Measured({}, submission=submission()), "http://localhost:8080")
    assert "3 other jobs" in noted(Measured({}, other_jobs=3, submission=submission()))
    assert "has limits" in noted(Measured({"max_concurrency": 2}, submission=submission()))
    slow = [End("a", "succeeded", None, 1.0, 1.0, 2.0)]
    assert "arrived faster" in noted(Measured({}, submission=submission(), ends=slow))
    few = Submission(8, 0.0, 1.0, request_seconds=[0.01])
    assert "p99 is the slowest" in noted(Measured({}, submission=few))
