"""Random changes of a namespace, many at the same time: everything that the store offers, without faults."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from service.domain.errors import TriageError
from service.domain.fan_out import MEMBERS, FanOutSpec, Item, Tolerance, item_id
from service.domain.flow import Edge, FlowSpec, Node, job_ids
from service.domain.job import Lease
from service.domain.job_spec import JobSpec, Unique
from service.domain.limits import KeyLimits, RateLimit
from service.store.jobs import Submission
from service.store.namespace import Namespace
from tests.audit.shop import IDS, QUICK
from tests.support.factories import BROKEN, HOPELESS, LATER, OK, claim, ending, new_id

QUEUES = ("a", "b", "c")
UNIQUE = (
    None,
    None,
    Unique("u", "finished", "replace"),
    Unique("v", "started", "reject"),
    Unique("w", 30, "return_existing"),
)
OUTCOMES = (OK, OK, OK, BROKEN, HOPELESS, LATER)


class Churn:
    """`steps` counts changes; errors that mean "not in this state" are part of it."""

    def __init__(self, store: Namespace, chance: random.Random) -> None:
        self._store, self._chance = store, chance
        self._jobs: list[str] = []
        self._groups: list[str] = []
        self._leases: list[Lease] = []
        self.steps = 0
        self._acts: list[tuple[Callable[[], Awaitable[Any]], float]] = [
            (self._submit, 8), (self._claim, 6), (self._finish, 8), (self._flow, 2), (self._fan_out, 1.5),
            (self._cancel, 2), (self._redrive, 2), (self._delete, 1), (self._change, 1), (self._group, 2),
            (self._queue, 0.7), (self._children, 1), (self._log, 1), (self._work, 3), (self._lose, 0.3),
        ]  # fmt: skip

    async def run(self, stopped: asyncio.Event) -> None:
        acts, weights = zip(*self._acts, strict=True)
        while not stopped.is_set():
            (act,) = self._chance.choices(acts, weights)
            with suppress(TriageError):
                await act()
            self.steps += 1

    def _spec(self, **fields: Any) -> JobSpec:
        chance = self._chance
        given: dict[str, Any] = {
            "retry": QUICK,
            "queue": chance.choice(QUEUES),
            "limit_key": chance.choice((None, None, "x", "y")),
            "priority": chance.choice((50, 100)),
            "payload": b'{"text":"' + b"x" * chance.choice((0, 60, 300)) + b'"}',
            "retention_ms": chance.choice((0, 50, 300)),
            "expires_ms": chance.choice((None, 40, 200)),
            "delay_ms": chance.choice((0, 0, 30)),
            **fields,
        }
        return JobSpec("work", **given)

    async def _submit(self) -> None:
        chance = self._chance
        unique = chance.choice(UNIQUE)
        tags = chance.choice(({}, {"shop": "s"}))
        specs = [self._spec(unique=unique, tags=tags) for _ in range(chance.randint(1, 4))]
        found = await self._store.jobs.submit([Submission(new_id(), spec) for spec in specs])
        self._jobs += [result.job_id for result in found if result.result == "created"]
        del self._jobs[:-400]

    async def _flow(self) -> None:
        nodes: dict[str, Node] = {}
        for number in range(self._chance.randint(1, 5)):
            edges = [Edge(key, self._chance.choice(("succeeded", "finished"))) for key in nodes]
            chosen = tuple(edge for edge in edges if self._chance.random() < 0.5)
            nodes[f"j{number}"] = Node(self._spec(expires_ms=None), chosen)
        spec = FlowSpec("flow", nodes, self._chance.choice(("continue", "fail")))
        id = IDS.new("flow", members=len(nodes))
        await self._store.flows.create(id, spec, None)
        self._groups.append(id)
        self._jobs += job_ids(id, spec).values()

    async def _fan_out(self) -> None:
        chance = self._chance
        id, count = IDS.new("fan", members=MEMBERS), chance.randint(0, 6)
        template = self._spec(payload=b'{"common":"' + b"y" * 200 + b'"}', expires_ms=None)
        then = chance.choice((None, JobSpec("work", queue="a")))
        limit, tolerance = chance.choice((None, 2)), Tolerance(chance.choice((None, 1)))
        spec = FanOutSpec(template, then, tolerance, limit, whole=False)
        await self._store.fan_outs.create(id, spec, count, None)
        self._groups.append(id)
        await self._store.fan_outs.add_items(id, [Item(n, b'{"n":1}') for n in range(count)])
        await self._store.fan_outs.seal(id, count)
        self._jobs += [item_id(id, n) for n in range(count)]

    async def _claim(self) -> None:
        self._leases += (await claim(self._store, self._chance.randint(1, 6))).leases

    def _lease(self) -> Lease | None:
        if not self._leases:
            return None
        return self._leases.pop(self._chance.randrange(len(self._leases)))

    async def _finish(self) -> None:
        leases = [lease for _ in range(3) if (lease := self._lease())]
        outcomes = [self._chance.choice(OUTCOMES) for _ in leases]
        if leases:
            await self._store.leases.finish([ending(*pair) for pair in zip(leases, outcomes, strict=True)])

    async def _children(self) -> None:
        if (lease := self._lease()) is not None:
            nodes = {"p": Node(self._spec()), "q": Node(self._spec(), (Edge("p", "finished"),))}
            # As for a worker: children that the job has already are not added again.
            known = await self._store.dependencies.children(lease.job.id)
            added = {key: node for key, node in nodes.items() if key not in known}
            ids = {key: known.get(key) or new_id() for key in nodes}
            await self._store.dependencies.wait_for_children(lease, added, ids)
            self._jobs += [ids[key] for key in added]

    async def _log(self) -> None:
        if self._leases:
            await self._store.leases.append_log(self._leases[-1], b'{"message":"step"}')

    async def _lose(self) -> None:
        """A worker dies: its leases end without a heartbeat."""
        del self._leases[:3]
        await self._store.leases.rescue(1)

    def _some(self) -> list[str]:
        return [self._chance.choice(self._jobs)] if self._jobs else []

    async def _cancel(self) -> None:
        await self._store.jobs.cancel(self._some(), self._chance.choice((0, 50)))

    async def _redrive(self) -> None:
        await self._store.jobs.redrive(self._some())

    async def _delete(self) -> None:
        await self._store.jobs.delete(self._some())

    async def _change(self) -> None:
        for id in self._some():
            await self._store.jobs.run_now(id)

    async def _group(self) -> None:
        if not self._groups:
            return
        id, groups = self._chance.choice(self._groups), self._store.groups
        match self._chance.randrange(4):
            case 0:
                await groups.request_cancel(id, 0)
            case 1:
                await groups.request_retry(id)
            case 2:
                await groups.delete(id)
            case _:
                await groups.forget(id) if not await self._is_live(id) else None

    async def _is_live(self, id: str) -> bool:
        group = await self._store.groups.get(id)
        return group is None or group.state in ("open", "running")

    async def _queue(self) -> None:
        queue, chance = self._chance.choice(QUEUES), self._chance
        if chance.random() < 0.5:
            await self._store.queues.configure(queue, {"paused": chance.random() < 0.3})
        else:
            limits: dict[str, Any] = {
                "max_concurrency": chance.choice((None, 5)),
                "rate_limit": chance.choice((None, RateLimit(20, 50))),
                "per_key": KeyLimits(chance.choice((None, 2))),
            }
            await self._store.queues.configure(queue, limits)

    async def _work(self) -> None:
        await self._store.group_tasks.work()
        await self._store.leases.prune()
        await self._store.leases.expire_jobs()
