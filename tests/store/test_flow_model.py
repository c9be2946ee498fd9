"""Random graphs with random lives: the real scripts against the model, fast because no workers run."""

import os
import random
from contextlib import nullcontext, suppress

import pytest

from service.clock import Clock
from service.domain.errors import InvalidState
from service.domain.flow import Edge, FlowSpec, Node, job_ids
from service.domain.ids import IdFactory
from service.domain.job import Lease
from service.domain.job_spec import JobSpec
from service.domain.outcome import Interrupted
from service.store.namespace import Namespace
from tests.store.flow_model import FINISHED, ModelFlow, model_of, random_flow
from tests.support import factories

pytestmark = pytest.mark.anyio

#: Graphs in a normal run; set these variables to search longer or elsewhere.
GRAPHS = int(os.environ.get("FLOW_GRAPHS", "80"))
FIRST_SEED = int(os.environ.get("FLOW_SEED", "1"))
#: Jobs of a flow of this size add no more children.
MOST_JOBS = 40


class Life:
    """One flow, in the store and in the model; every step is applied to both and compared."""

    def __init__(
        self, store: Namespace, id: str, spec: FlowSpec, chance: random.Random, new_ids: IdFactory
    ) -> None:
        self.store = store
        self.id = id
        self.chance = chance
        self.new_ids = new_ids
        self.model: ModelFlow = model_of(spec)
        self.ids = job_ids(id, spec)
        self.key_of = {job: key for key, job in self.ids.items()}
        self.leases: dict[str, Lease] = {}
        self.old: list[Lease] = []

    async def claim(self, slots: int) -> int:
        leases = (await factories.claim(self.store, slots)).leases
        for lease in leases:
            key = self.key_of[lease.job.id]
            assert self.model.jobs[key].state == "queued", key
            self.model.jobs[key].state = "running"
            self.model.jobs[key].started = True
            self.leases[key] = lease
        queued = sum(job.state == "queued" for job in self.model.jobs.values())
        assert len(leases) == slots or queued == 0
        return len(leases)

    async def finish(self, key: str, outcome: str) -> None:
        lease = self.leases.pop(key)
        self.old.append(lease)
        known = {"ok": factories.OK, "dead": factories.HOPELESS, "back": Interrupted()}
        for _ in range(self.chance.choice((1, 1, 2))):
            assert await factories.finish(self.store, lease, known[outcome]) in (
                "moved",
                "cancelled",
                "duplicate",
            )
        job = self.model.jobs[key]
        if job.reason is not None:
            self.model.end(key, "cancelled", "flow" if job.reason == "asked" else job.reason)
        elif outcome == "back":
            job.state = "queued"
        else:
            self.model.end(key, "succeeded" if outcome == "ok" else "dead")

    async def add_children(self, key: str) -> None:
        """The job adds children, some of which depend on others, and waits for them."""
        lease = self.leases[key]
        short = [f"c{len(self.ids)}-{n}" for n in range(self.chance.randint(1, 3))]
        edges = {
            name: tuple(
                Edge(other, self.chance.choice(("succeeded", "failed", "finished")))
                for other in short[:place]
                if self.chance.random() < 0.5
            )
            for place, name in enumerate(short)
        }
        ids = {name: self.new_ids.new("job") for name in short}
        nodes = {name: Node(JobSpec("work"), edges[name]) for name in short}
        for _ in range(self.chance.choice((1, 1, 2))):
            assert await self.store.dependencies.wait_for_children(lease, nodes, ids) == "waiting"
        self.old.append(self.leases.pop(key))
        if self.model.jobs[key].reason is None:
            for name, id in ids.items():
                self.ids[f"{key}/{name}"] = id
                self.key_of[id] = f"{key}/{name}"
        self.model.add_children(
            key,
            {
                f"{key}/{name}": tuple(Edge(f"{key}/{edge.key}", edge.when) for edge in found)
                for name, found in edges.items()
            },
        )

    async def cancel_job(self, key: str) -> None:
        await self.store.jobs.cancel([self.ids[key]], 10**9)
        job = self.model.jobs[key]
        if job.state == "running":
            job.reason = job.reason or "requested"
        elif job.state not in FINISHED:
            self.model.end(key, "cancelled", "requested")

    async def redrive(self, key: str) -> None:
        await self.store.jobs.redrive([self.ids[key]])
        if self.model.jobs[key].state in ("dead", "cancelled"):
            self.model.redrive(key)

    async def retry(self) -> None:
        with nullcontext() if self.model.retry() else pytest.raises(InvalidState):
            await self.store.groups.request_retry(self.id)

    async def cancel(self) -> None:
        with suppress(InvalidState):
            await self.store.groups.request_cancel(self.id, 10**9)
        self.model.cancel()

    async def forget(self, key: str) -> None:
        """A finished job is deleted while its flow runs: the other jobs must not notice."""
        if self.model.state == "running" and self.model.jobs[key].state == "succeeded":
            await self.store.jobs.delete([self.ids[key]])

    async def late_finish(self) -> None:
        if self.old:
            word = await factories.finish(self.store, self.chance.choice(self.old), factories.OK)
            assert word in ("duplicate", "stale", "missing")

    async def compare(self) -> None:
        await self.store.group_tasks.work()
        group = await self.store.groups.get(self.id)
        assert group is not None
        assert group.state == self.model.state
        counts = {state.value: number for state, number in group.counts.items() if number}
        expected: dict[str, int] = {}
        for job in self.model.jobs.values():
            expected[job.state] = expected.get(job.state, 0) + 1
        assert counts == expected
        found = await self.store.queries.jobs([self.ids[key] for key in self.model.jobs])
        for (key, expected_job), job in zip(self.model.jobs.items(), found, strict=True):
            if job is not None:
                assert job.state == expected_job.state, key
                if job.state == "cancelled":
                    assert job.state_reason == expected_job.reason, key

    async def step(self) -> None:
        key = self.chance.choice(list(self.ids))
        running = sorted(self.leases)
        act = self.chance.choices(
            ("claim", "finish", "add children", "cancel job", "redrive", "retry", "cancel", "forget", "late"),
            (6, 10, 2, 1, 1, 0.6, 0.3, 0.7, 0.5),
        )[0]
        if act == "claim":
            await self.claim(self.chance.randint(1, 4))
        elif act == "finish" and running:
            await self.finish(
                self.chance.choice(running), self.chance.choices(("ok", "dead", "back"), (6, 3, 1))[0]
            )
        elif act == "add children" and running and len(self.ids) < MOST_JOBS:
            await self.add_children(self.chance.choice(running))
        elif act == "cancel job":
            await self.cancel_job(key)
        elif act == "redrive" and await self.store.queries.job(self.ids[key]) is not None:
            await self.redrive(key)
        elif act == "retry":
            await self.retry()
        elif act == "cancel":
            await self.cancel()
        elif act == "forget":
            await self.forget(key)
        elif act == "late":
            await self.late_finish()


async def live(store: Namespace, seed: int) -> None:
    chance = random.Random(seed)
    ids = IdFactory(Clock().now_ms, chance.randbytes)
    spec = random_flow(chance, chance.randint(1, 14))
    id = ids.new("flow", members=len(spec.nodes))
    await store.flows.create(id, spec, None)
    life = Life(store, id, spec, chance, ids)
    await life.compare()
    for _ in range(chance.randint(5, 40)):
        await life.step()
        await life.compare()
    while life.leases or await life.claim(50):
        for key in sorted(life.leases):
            await life.finish(key, chance.choice(("ok", "ok", "dead")))
            await life.compare()
    assert life.model.state != "running", "the model itself hangs"
    await life.compare()
    await store.jobs.delete(list(life.ids.values()))


async def test_every_random_flow_finishes_as_the_model_says(store: Namespace) -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + GRAPHS):
        try:
            await live(store, seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
