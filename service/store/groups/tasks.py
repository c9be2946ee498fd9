"""Carries on what one script could not do for a flow or fan-out; any process may, more than one at a time."""

from collections import Counter
from collections.abc import Awaitable, Callable, Container, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

from redis.exceptions import RedisError

from service.domain.errors import StoreFault
from service.domain.fan_out import ItemIds, follow_up_id
from service.domain.flow import descendants
from service.domain.states import LIVE, Reason, State
from service.store.groups.flows import DEMANDS, Flows
from service.store.groups.groups import PORTION, Groups, kind_of
from service.store.jobs import Jobs
from service.store.queries import Queries
from service.store.redis import keys
from service.store.redis.errors import translate
from service.store.redis.scripts import Scripts

#: Tasks looked at in one go, and groups forgotten.
AT_MOST = 20
#: Jobs that one script call revives: each takes Redis some 50 us.
REVIVED = 50
#: Edges that one script call looks at.
EDGES = 2_000
#: Milliseconds by which the end of a fan-out's retention is put off while its follow-up goes on.
AWAITED_MS = 60_000
#: Milliseconds that running children get, unless their parent was cancelled with a grace.
CHILDREN_GRACE_MS = 5_000
CHILD = str(DEMANDS["child"])
#: Milliseconds after which a flow that is staged and was never admitted is swept.
STAGED_MS = 600_000


def _portions(ids: Sequence[str], waits: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Few enough jobs and edges for one script call each."""
    portion: list[str] = []
    weight = 0
    dependents = Counter(id for found in waits.values() for id in found)
    for id in ids:
        cost = len(waits.get(id, ())) + dependents[id]
        if portion and (len(portion) >= REVIVED or weight + cost > EDGES):
            yield portion
            portion, weight = [], 0
        portion.append(id)
        weight += cost
    yield portion


class GroupTasks:
    """Tasks of one namespace: each is bounded script calls that change nothing when they are repeated."""

    def __init__(self, scripts: Scripts, queries: Queries, jobs: Jobs, groups: Groups, flows: Flows) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._queries = queries
        self._jobs = jobs
        self._groups = groups
        self._flows = flows
        self._duties: dict[str, Callable[..., Awaitable[None]]] = {
            "admit": self._admit,
            "tell": self._tell,
            "fail": self._fail,
            "cancel": self._cancel,
            "cancel_children": self._cancel_children,
            "thin": self._thin,
            "remove": self._remove,
            "revive": self._revive,
        }

    async def work(self) -> int:
        """Carry on what is there; answers how many tasks were ended.

        A task that Redis refuses stays and holds up no other; the first StoreFault is raised at the end.
        """
        ended, refused = 0, dict[str, StoreFault]()
        while tasks := await self._tasks(refused):
            for task, score in tasks:
                word, *arguments = task.split(" ")
                try:
                    await self._duties[word](*arguments)
                except StoreFault as fault:
                    refused[task] = fault
                    continue
                # Dropped at its end: when this process dies before, another one begins anew.
                await self._scripts.run("complete_task", [task, score])
                ended += 1
        if refused:
            raise next(iter(refused.values()))
        return ended

    async def forget_ended(self) -> int:
        """Forget groups past their retention, and jobs that were staged and never admitted.

        Fan-outs that are open and have been left are cancelled: somebody may wait for their end.
        """
        now = await self._now()
        ended = await self._range(keys.group_retention(self._prefix), now)
        for id in ended:
            if await self._is_awaited(id):
                await self._postpone(id, now + AWAITED_MS)
            else:
                await self._groups.forget(id)
        for id in await self._range(keys.filling(self._prefix), now):
            await self._groups.request_cancel(id, 0)
        for id in await self._range(keys.staged(self._prefix), now - STAGED_MS):
            await self._discard(id)
        return len(ended)

    async def _admit(self, flow: str) -> None:
        await self._flows.admit_rest(flow)

    async def _tell(self, id: str) -> None:
        told = 0
        while told >= 0:
            told = int(await self._scripts.run("notify_dependents", [id, told]))

    async def _fail(self, flow: str, dead: str) -> None:
        """Cancel what has not started and does not wait for the dead job."""
        members, waits = await self._graph(flow)
        spared = descendants(waits, dead)
        await self._each(
            [id for id in members if id not in spared],
            lambda ids: self._jobs.cancel(ids, 0, "flow", unstarted=True),
        )

    async def _cancel(self, id: str) -> None:
        group = await self._groups.get(id)
        if group is None:
            return
        if kind_of(id) == "flow":
            await self._flows.admit_rest(id)
        grace = int(group.fields.get(b"grace_ms", 0))
        reason = "flow" if kind_of(id) == "flow" else "fan_out"
        members = await self._groups.members(group)
        # Of a flow those first that wait for others, so that none is released on the way.
        ordered = members[::-1] if reason == "flow" else members
        await self._each(ordered, lambda ids: self._jobs.cancel(ids, grace, reason))

    async def _cancel_children(self, parent: str) -> None:
        """What a job added ends with it, unless the job runs again by now."""
        job = await self._queries.job(parent)
        if job is not None and job.state not in (State.CANCELLED, State.DEAD):
            return
        edges = (await self._flows.dependencies([parent]))[parent]
        children = [id for demand, id in edges.values() if demand == CHILD]
        key = keys.job(self._prefix, id=parent)
        grace = (await self._queries.pipeline(lambda pipe: pipe.hget(key, "children_grace_ms")))[0]
        found = await self._flows.dependencies(children)
        order = TopologicalSorter({id: [other for _, other in waits.values()] for id, waits in found.items()})
        # Those first that wait for others, so that none is released on the way.
        ordered = [id for id in order.static_order() if id in found][::-1]
        grace_ms = int(grace or CHILDREN_GRACE_MS)
        await self._each(ordered, lambda ids: self._jobs.cancel(ids, grace_ms, Reason.PARENT))
        if job is None:
            # Deleted meanwhile; prune.lua has left this for us.
            await self._queries.pipeline(lambda pipe: pipe.unlink(keys.dependencies(self._prefix, id=parent)))

    async def _thin(self, id: str) -> None:
        """More items have failed than the fan-out tolerates: what has not started is cancelled."""
        group = await self._groups.get(id)
        if group is not None:
            members = await self._groups.members(group)
            await self._each(members, lambda ids: self._jobs.cancel(ids, 0, "fan_out", unstarted=True))

    async def _revive(self, id: str, job: str = "") -> None:
        """A new run: of all that did not succeed, or of what was cancelled because it waited for `job`."""
        group = await self._groups.get(id)
        if group is None:
            return
        if kind_of(id) == "flow":
            await self._flows.admit_rest(id)
            members, waits = await self._graph(id)
            # Lexical order would do for jobs that were there from the start, not for added children.
            known = set(members)
            order = TopologicalSorter({key: [w for w in waits[key] if w in known] for key in members})
            chosen = list(order.static_order())
            if job:
                affected = {job, *descendants(waits, job)}
                chosen = [id for id in chosen if id in affected]
        else:
            chosen, waits = await self._groups.members(group), {}
            if then := group.then_job_id:
                await self._scripts.run("retry_group_jobs", [id, "", 0, then])
        reason = "dependency" if job else ""
        for portion in _portions(chosen, waits):
            await self._scripts.run("retry_group_jobs", [id, reason, 0, *portion])
        await self._scripts.run("retry_group_jobs", [id, reason, 1])
        if group.fields.get(b"on_failure") == b"fail" and not job:
            await self._repeat_failures(id, chosen, group.fields.get(b"run", b"0"))

    async def _repeat_failures(self, flow: str, members: Sequence[str], run: bytes) -> None:
        # One that has failed again meanwhile did not cancel what was revived after it.
        for start in range(0, len(members), PORTION):
            portion = members[start : start + PORTION]

            def ask(pipe: Any, portion: Sequence[str] = portion) -> None:
                for id in portion:
                    pipe.hmget(keys.job(self._prefix, id=id), "state", "run")

            for id, found in zip(portion, await self._queries.pipeline(ask), strict=True):
                if found == [State.DEAD.encode(), run]:
                    await self._fail(flow, id)

    async def _remove(self, id: str) -> None:
        """Delete the jobs of a group that vanished, and what was left of it."""
        if kind_of(id) == "flow":
            members: Sequence[str] = list((await self._groups.flow_jobs(id)).values())
        else:
            key = keys.group(self._prefix, group=id)
            highest = (await self._queries.pipeline(lambda pipe: pipe.hget(key, "highest")))[0]
            members = ItemIds(id, int(highest or -1) + 1)
            await self._each([follow_up_id(id)], self._jobs.delete)
        await self._each(members, self._jobs.delete)
        await self._groups.forget(id, members)

    async def _is_awaited(self, id: str) -> bool:
        """Whether the follow-up of a fan-out has yet to read how it ended."""
        follow_up = None if kind_of(id) == "flow" else await self._queries.job(follow_up_id(id))
        return follow_up is not None and follow_up.state in LIVE

    async def _postpone(self, id: str, until: int) -> None:
        key = keys.group_retention(self._prefix)
        await self._queries.pipeline(lambda pipe: pipe.zadd(key, {id: until}, xx=True))

    async def _discard(self, id: str) -> None:
        jobs = list((await self._groups.flow_jobs(id)).values())
        client: Any = self._scripts.redis
        try:
            # From here on it cannot be admitted any more.
            await client.hset(keys.group(self._prefix, group=id), "discarded", 1)
            for start in range(0, len(jobs), PORTION):
                names: list[str] = []
                for job in jobs[start : start + PORTION]:
                    names += [
                        key(self._prefix, id=job)
                        for key in (keys.job, keys.dependents, keys.dependencies, keys.waits)
                    ]
                await client.unlink(*names)
            await client.zrem(keys.staged(self._prefix), id)
            await client.unlink(keys.group_jobs(self._prefix, group=id), keys.group(self._prefix, group=id))
        except (RedisError, OSError) as error:
            raise translate(error, wrote=True) from error

    async def _graph(self, flow: str) -> tuple[list[str], dict[str, list[str]]]:
        members = list((await self._groups.flow_jobs(flow)).values())
        found = await self._flows.dependencies(members)
        return members, {id: [dependency for _, dependency in edges.values()] for id, edges in found.items()}

    async def _each(self, ids: Sequence[str], act: Callable[[Sequence[str]], Awaitable[Any]]) -> None:
        for start in range(0, len(ids), PORTION):
            await act(ids[start : start + PORTION])

    async def _tasks(self, refused: Container[str]) -> list[tuple[str, int]]:
        """The oldest that were not refused in this go."""
        start = 0
        while True:
            end = start + AT_MOST - 1
            found = await self._queries.pipeline(
                lambda pipe, start=start, end=end: pipe.zrange(
                    keys.tasks(self._prefix), start, end, withscores=True
                )
            )
            tasks = [(task.decode(), int(score)) for task, score in found[0]]
            if chosen := [(task, score) for task, score in tasks if task not in refused]:
                return chosen
            if not tasks:
                return []
            start += AT_MOST

    async def _range(self, key: str, until: int) -> list[str]:
        found = await self._queries.pipeline(
            lambda pipe: pipe.zrangebyscore(key, "-inf", until, start=0, num=AT_MOST)
        )
        return [member.decode() for member in found[0]]

    async def _now(self) -> int:
        if self._scripts.now:
            return int(self._scripts.now)
        seconds, micros = (await self._queries.pipeline(lambda pipe: pipe.time()))[0]
        return seconds * 1000 + micros // 1000
