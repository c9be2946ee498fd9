"""Random lives of jobs that share unique keys: the real scripts against a model of the holders."""

import asyncio
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from service.domain.job import Lease
from service.domain.job_spec import JobSpec, Unique
from service.domain.outcome import Interrupted, rest_ms
from service.domain.results import Submitted
from service.domain.states import FINISHED, State
from service.store.jobs import Submission
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from tests.store.unique_model import DELAY, LEASE, Model
from tests.support import factories, invariants
from tests.support.factories import BROKEN, HOPELESS, LATER, OK
from tests.support.quota_invariants import set_quotas

#: Lives in a normal run; `UNIQUE_LIVES=2000` searches longer.
EXAMPLES = int(os.environ.get("UNIQUE_LIVES", "10"))


OUTCOMES = {"ok": OK, "broken": BROKEN, "hopeless": HOPELESS, "later": LATER, "interrupted": Interrupted()}


KEYS = ("k", "l")


class Keys(RuleBasedStateMachine):
    """Submit with every on_conflict; claim, finish, crash, cancel, redrive, delete, let time pass."""

    url = ""

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.redis = connect(self.url, socket_timeout=10)
        self.store = Namespace(self.redis, f"u{os.urandom(6).hex()}", factories.DAY)
        self.model = Model()
        self.leases: dict[str, Lease] = {}
        self.numbers = 0
        self.pass_time(0)
        self.runner.run(set_quotas(self.store))

    def teardown(self) -> None:
        self.runner.run(self.redis.aclose())
        self.runner.close()

    def pass_time(self, ms: int) -> None:
        self.model.now += ms
        self.store.scripts.now = str(self.model.now)

    @rule(
        sent=st.lists(
            st.tuples(
                st.sampled_from(KEYS),
                st.sampled_from(("reject", "return_existing", "replace", "replace")),
                st.sampled_from(("finished", "finished", "started")),
                st.booleans(),
            ),
            min_size=1,
            max_size=3,
        )
    )
    def submit(self, sent: list[tuple[str, Any, Any, bool]]) -> None:
        """One batch, in which every job is decided after those before it."""
        batch: list[Submission] = []
        expected: list[tuple[str, str]] = []
        for key, conflict, until, delayed in sent:
            self.numbers += 1
            id, payload, delay = factories.new_id(), b"%d" % self.numbers, DELAY if delayed else 0
            unique = Unique(key, until, conflict)
            spec = JobSpec("work", payload, delay_ms=delay, retry=factories.QUICK, unique=unique)
            batch.append(Submission(id, spec))
        if any(conflict != "replace" for _, conflict, *_ in sent):
            # Refusals of a batch are decided before anything is written, while the model goes one by one.
            batch = batch[:1]
        for submission in batch:
            spec = submission.spec
            assert spec.unique is not None
            unique, due = spec.unique, self.model.now + spec.delay_ms
            expected.append(
                self.model.submit(
                    submission.id, unique.key, unique.on_conflict, str(unique.until), spec.payload, due
                )
            )
        responses: list[Submitted] = self.runner.run(self.store.jobs.submit(batch))
        assert [(response.result, response.job_id) for response in responses] == expected

    @rule(slots=st.integers(1, 3))
    def claim(self, slots: int) -> None:
        for job in self.model.jobs.values():
            if job.state in (State.SCHEDULED, State.RETRYING) and job.due <= self.model.now:
                job.state = State.QUEUED
        queued = sum(job.state is State.QUEUED for job in self.model.jobs.values())
        leases = self.runner.run(factories.claim(self.store, slots, lease_ms=LEASE)).leases
        assert len(leases) == min(slots, queued)
        for lease in leases:
            job = self.model.jobs[lease.job.id]
            assert (job.state, job.payload) == (State.QUEUED, lease.job.payload)
            job.state, job.delivered = State.RUNNING, True
            self.leases[lease.job.id] = lease
            if job.until == "started":
                self.model.release(lease.job.id)

    @precondition(lambda self: any(job.state is State.RUNNING for job in self.model.jobs.values()))
    @rule(pick=st.integers(0), outcome=st.sampled_from(sorted(OUTCOMES)))
    def finish(self, pick: int, outcome: str) -> None:
        running = [id for id, job in self.model.jobs.items() if job.state is State.RUNNING]
        id = running[pick % len(running)]
        job = self.model.jobs[id]
        word = self.runner.run(factories.finish(self.store, self.leases[id], OUTCOMES[outcome]))
        assert word == ("cancelled" if job.cancel else "moved")
        job.failures += outcome in ("broken", "hopeless")
        if job.cancel:
            self.model.end(id, State.CANCELLED)
        elif outcome == "ok":
            self.model.end(id, State.SUCCEEDED)
        elif outcome == "hopeless" or (outcome == "broken" and job.failures >= 3):
            self.model.end(id, State.DEAD)
        elif outcome == "interrupted":
            job.state = State.QUEUED
        else:
            job.state = State.RETRYING if outcome == "broken" else State.SCHEDULED
            job.due = self.model.now + DELAY

    @rule()
    def rescue(self) -> None:
        """All workers are gone for an hour, and one comes back."""
        self.pass_time(3_600_000)
        self.runner.run(self.store.leases.rescue(LEASE))
        self.pass_time(LEASE + 1)
        self.runner.run(self.store.leases.rescue(LEASE))
        for id, job in list(self.model.jobs.items()):
            if job.state is State.RUNNING:
                job.losses += 1
                if job.cancel:
                    self.model.end(id, State.CANCELLED)
                else:
                    job.due = self.model.now + rest_ms(job.losses)
                    job.state = self.model.rests(job.due)

    @precondition(lambda self: self.model.jobs)
    @rule(picks=st.lists(st.integers(0), min_size=1, max_size=3))
    def cancel(self, picks: list[int]) -> None:
        """Several in one call, which may include a holder and the job behind it."""
        ids = sorted({self._pick(pick) for pick in picks})
        words = [moved.result for moved in self.runner.run(self.store.jobs.cancel(ids, 10**9))]
        for id, word in zip(ids, words, strict=True):
            job = self.model.jobs[id]
            if job.state in FINISHED:
                assert word == "illegal"
            elif job.state is State.RUNNING:
                assert word == "requested"
                job.cancel = True
            else:
                assert word == "moved"
                self.model.end(id, State.CANCELLED)

    @precondition(lambda self: self.model.jobs)
    @rule(pick=st.integers(0))
    def redrive(self, pick: int) -> None:
        id = self._pick(pick)
        job = self.model.jobs[id]
        moved = self.runner.run(self.store.jobs.redrive([id]))[0]
        holder = self.model.holder.get(job.key)
        if job.state not in (State.DEAD, State.CANCELLED):
            assert moved.result == "illegal"
        elif holder is not None:
            assert (moved.result, moved.holder) == ("conflict", holder)
        else:
            assert moved.result == "moved"
            job.state, job.failures, job.losses, job.cancel = State.QUEUED, 0, 0, False
            job.due = self.model.now
            self.model.holder[job.key] = id

    @precondition(lambda self: self.model.jobs)
    @rule(pick=st.integers(0))
    def delete(self, pick: int) -> None:
        id = self._pick(pick)
        moved = self.runner.run(self.store.jobs.delete([id]))[0]
        if self.model.jobs[id].state in FINISHED:
            assert moved.result == "moved"
            del self.model.jobs[id]
        else:
            assert moved.result == "illegal"

    @rule(ms=st.sampled_from([1, DELAY]))
    def wait(self, ms: int) -> None:
        self.pass_time(ms)

    @invariant()
    def the_store_is_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        ids = list(self.model.jobs)
        found = self.runner.run(self.store.queries.jobs(ids)) if ids else []
        for job, expected in zip(found, self.model.jobs.values(), strict=True):
            assert job is not None
            assert (job.state, job.payload, job.failures, job.crashes) == (
                expected.state, expected.payload, expected.failures, expected.crashes,
            )  # fmt: skip
        for kind, held in (("unique", self.model.holder), ("follower", self.model.follower)):
            names = [f"{self.store.scripts.prefix}{kind}:default|{key}" for key in KEYS]
            values = self.runner.run(self._values(names))
            assert [value.decode() if value else None for value in values] == [held.get(key) for key in KEYS]
        self.runner.run(invariants.check(self.store))

    async def _values(self, names: list[str]) -> list[bytes | None]:
        redis: Any = self.redis
        return await redis.mget(names)

    def _pick(self, pick: int) -> str:
        ids = list(self.model.jobs)
        return ids[pick % len(ids)]


# Many examples of fifty round trips each: a loaded machine needs more than the default timeout.
@pytest.mark.timeout(300)
def test_keys_are_held_and_given_up_as_the_model_says(redis_url: str) -> None:
    machine = type("Keys", (Keys,), {"url": redis_url, "TestCase": None})
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
