"""Random lives of jobs: the real scripts against a small model of their guarantees."""

import asyncio
import os
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from service.domain.errors import InvalidState
from service.domain.job import Lease
from service.domain.outcome import MAX_CRASHES, Crashed, Failure, Interrupted, rest_ms
from service.domain.states import FINISHED, State
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from tests.support import factories, invariants
from tests.support.factories import BROKEN, HOPELESS, LATER, OK

#: Lives in a normal run; `JOB_LIVES=2000` searches longer.
EXAMPLES = int(os.environ.get("JOB_LIVES", "10"))
START = 1_900_000_000_000
LEASE = 15_000
DELAY = 60_000
OUTCOMES = {
    "ok": OK,
    "broken": BROKEN,
    "hopeless": HOPELESS,
    "later": LATER,
    "interrupted": Interrupted(),
    "crashed": Crashed(Failure("SubprocessDied", "signal 9")),
}
MAX_ATTEMPTS = factories.QUICK.max_attempts


@dataclass
class ModelJob:
    """The facts that must be true of a job."""

    state: State
    due: int = 0
    failures: int = 0
    crashes: int = 0
    losses: int = 0
    interruptions: int = 0
    cancel: bool = False
    #: The number of the claim whose lease is valid.
    delivery: int = 0
    #: The claim that ended the job's last run.
    ended: int | None = None


@dataclass
class Model:
    """All jobs, and every lease ever handed out."""

    now: int = START
    jobs: dict[str, ModelJob] = field(default_factory=dict[str, ModelJob])
    leases: list[tuple[Lease, int]] = field(default_factory=list[tuple[Lease, int]])

    def finish(self, lease: Lease, delivery: int, outcome: str) -> str:
        job = self.jobs[lease.job.id]
        if job.delivery != delivery:
            return "stale"
        if job.state is not State.RUNNING:
            return "duplicate" if job.ended == delivery else "stale"
        job.ended = delivery
        job.failures += outcome in ("broken", "hopeless")
        job.interruptions += outcome == "interrupted"
        job.crashes += outcome == "crashed"
        if job.cancel:
            job.state = State.CANCELLED
        elif outcome == "ok":
            job.state = State.SUCCEEDED
        elif (
            outcome == "hopeless"
            or (outcome == "broken" and job.failures >= MAX_ATTEMPTS)
            or (outcome == "crashed" and lease.job.crashes + 1 >= MAX_CRASHES)
        ):
            job.state = State.DEAD
        elif outcome in ("interrupted", "crashed"):
            job.state = State.QUEUED
        else:
            job.state, job.due = (
                (State.RETRYING if outcome == "broken" else State.SCHEDULED),
                self.now + DELAY,
            )
        return "cancelled" if job.cancel else "moved"


class Lives(RuleBasedStateMachine):
    """Submit, claim, finish (also late and twice), crash, rescue, cancel, redrive, run now, let time pass."""

    url = ""

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.redis = connect(self.url, socket_timeout=10)
        self.store = Namespace(self.redis, f"m{os.urandom(6).hex()}", factories.DAY)
        self.model = Model()
        self.pass_time(0)

    def teardown(self) -> None:
        self.runner.run(self.redis.aclose())
        self.runner.close()

    def pass_time(self, ms: int) -> None:
        self.model.now += ms
        self.store.scripts.now = str(self.model.now)

    @rule(delayed=st.booleans())
    def submit(self, delayed: bool) -> None:
        delay = DELAY if delayed else 0
        id = self.runner.run(factories.submit(self.store, delay_ms=delay))
        state = State.SCHEDULED if delayed else State.QUEUED
        self.model.jobs[id] = ModelJob(state, due=self.model.now + delay)

    @rule(slots=st.integers(1, 4))
    def claim(self, slots: int) -> None:
        for job in self.model.jobs.values():
            if job.state in (State.SCHEDULED, State.RETRYING) and job.due <= self.model.now:
                job.state = State.QUEUED
        queued = sum(job.state is State.QUEUED for job in self.model.jobs.values())
        leases = self.runner.run(factories.claim(self.store, slots, lease_ms=LEASE)).leases
        assert len(leases) == min(slots, queued)
        for lease in leases:
            job = self.model.jobs[lease.job.id]
            assert job.state is State.QUEUED
            job.state, job.delivery = State.RUNNING, job.delivery + 1
            assert lease.suspect == (job.crashes + job.losses > 0)
            self.model.leases.append((lease, job.delivery))

    @precondition(lambda self: self.model.leases)
    @rule(pick=st.integers(0), outcome=st.sampled_from(sorted(OUTCOMES)), twice=st.booleans())
    def finish(self, pick: int, outcome: str, twice: bool) -> None:
        lease, delivery = self.model.leases[pick % len(self.model.leases)]
        for _ in range(2 if twice else 1):
            expected = self.model.finish(lease, delivery, outcome)
            assert self.runner.run(factories.finish(self.store, lease, OUTCOMES[outcome])) == expected

    @rule()
    def rescue(self) -> None:
        """All workers are gone for an hour, and one comes back."""
        self.pass_time(3_600_000)
        self.runner.run(self.store.leases.rescue(LEASE))
        self.pass_time(LEASE + 1)
        self.runner.run(self.store.leases.rescue(LEASE))
        for job in self.model.jobs.values():
            if job.state is State.RUNNING:
                job.losses += 1
                job.due = self.model.now + rest_ms(job.losses)
                if job.cancel:
                    job.state = State.CANCELLED
                else:
                    job.state = State.SCHEDULED if job.due > self.model.now else State.QUEUED

    @precondition(lambda self: self.model.jobs)
    @rule(pick=st.integers(0))
    def cancel(self, pick: int) -> None:
        id, job = self._pick(pick)
        word = self.runner.run(self.store.jobs.cancel([id], 10**9))[0].result
        if job.state in FINISHED:
            assert word == "illegal"
        elif job.state is State.RUNNING:
            assert word == "requested"
            job.cancel = True
        else:
            assert word == "moved"
            job.state = State.CANCELLED

    @precondition(lambda self: self.model.jobs)
    @rule(pick=st.integers(0))
    def redrive(self, pick: int) -> None:
        id, job = self._pick(pick)
        word = self.runner.run(self.store.jobs.redrive([id]))[0].result
        if job.state in (State.DEAD, State.CANCELLED):
            assert word == "moved"
            job.state, job.failures, job.crashes, job.cancel, job.ended = State.QUEUED, 0, 0, False, None
            job.losses = 0
        else:
            assert word == "illegal"

    @precondition(lambda self: self.model.jobs)
    @rule(pick=st.integers(0))
    def run_now(self, pick: int) -> None:
        id, job = self._pick(pick)
        if job.state in (State.SCHEDULED, State.RETRYING):
            self.runner.run(self.store.jobs.run_now(id))
            job.state = State.QUEUED
        else:
            with pytest.raises(InvalidState):
                self.runner.run(self.store.jobs.run_now(id))

    @rule(ms=st.sampled_from([1, DELAY]))
    def wait(self, ms: int) -> None:
        self.pass_time(ms)

    @invariant()
    def the_store_is_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        jobs = self.runner.run(self.store.queries.jobs(list(self.model.jobs))) if self.model.jobs else []
        for job, expected in zip(jobs, self.model.jobs.values(), strict=True):
            assert job is not None
            found = (job.state, job.failures, job.crashes, job.deliveries)
            assert found == (expected.state, expected.failures, expected.crashes, expected.delivery)
        self.runner.run(invariants.check(self.store))

    def _pick(self, pick: int) -> tuple[str, ModelJob]:
        ids = list(self.model.jobs)
        id = ids[pick % len(ids)]
        return id, self.model.jobs[id]


def test_jobs_live_as_the_model_says(redis_url: str) -> None:
    machine = type("Lives", (Lives,), {"url": redis_url, "TestCase": None})
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
            print_blob=True,
        ),
    )
