"""Runs tasks of flows and fan-outs that are too large for one script; several processes may do so at once."""

from collections.abc import Awaitable, Callable, Container, Sequence
from contextlib import suppress
from typing import Any

from service.domain import group_tasks as decide
from service.domain.errors import InvalidState, NotFound, StoreFault
from service.domain.fan_out import FanOut, follow_up_id
from service.domain.flow import Flow
from service.domain.group import Group, kind_of
from service.domain.states import Reason
from service.store.codec.fields import number, scored, text, texts
from service.store.groups.flows import CONDITIONS, Flows
from service.store.groups.groups import PORTION, Groups
from service.store.jobs import Jobs
from service.store.queries import Queries
from service.store.redis import keys
from service.store.redis.scripts import Scripts

#: Tasks or groups per read.
AT_MOST = 20


class GroupTasks:
    """Tasks of one namespace: each makes bounded script calls, and repeating them changes nothing."""

    def __init__(self, scripts: Scripts, queries: Queries, jobs: Jobs, groups: Groups, flows: Flows) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._queries = queries
        self._jobs = jobs
        self._groups = groups
        self._flows = flows
        self._duties: dict[str, Callable[..., Awaitable[None]]] = {
            "admit": self._admit,
            "notify": self._notify,
            "fail": self._fail,
            "cancel": self._cancel,
            "cancel_children": self._cancel_children,
            "cancel_unstarted": self._cancel_unstarted,
            "forget_children": self._forget_children,
            "remove": self._remove,
            "retry": self._retry,
        }

    async def work(self) -> int:
        """Run all tasks; returns how many it has completed.

        A task that Redis refuses stays in the list and does not delay others; the first StoreFault is raised
        after them.
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
                # Not before: if this process dies, another one runs the task from the start.
                await self._scripts.run("complete_task", [task, score])
                ended += 1
        if refused:
            raise next(iter(refused.values()))
        return ended

    async def forget_ended(self) -> int:
        """Forget groups past their retention, and the jobs of flows that were never committed.

        Cancels abandoned open fan-outs, because a client or job may be waiting for them.
        """
        now = await self._now()
        ended = await self._range(keys.group_retention(self._prefix), now)
        for id in ended:
            if await self._is_awaited(id):
                await self._postpone(id, now + decide.AWAITED_MS)
            else:
                await self._groups.forget(id)
        for id in await self._range(keys.open_fan_outs(self._prefix), now):
            with suppress(NotFound, InvalidState):  # A client or another process was faster.
                await self._groups.request_cancel(id, 0)
        for id in await self._range(keys.staged(self._prefix), now - decide.STAGED_MS):
            await self._discard(id)
        return len(ended)

    async def _admit(self, flow: str) -> None:
        await self._flows.admit_rest(flow)

    async def _notify(self, id: str) -> None:
        notified = 0
        while notified >= 0:
            notified = int(await self._scripts.run("notify_dependents", [id, notified]))

    async def _fail(self, flow: str, dead: str) -> None:
        """Cancel unstarted jobs that do not depend on the dead one."""
        members, waits = await self._graph(flow)
        lost = decide.lost_with(members, waits, dead)
        await self._each(lost, lambda ids: self._jobs.cancel(ids, 0, "flow", unstarted=True))

    async def _cancel(self, id: str) -> None:
        group = await self._groups.get(id)
        if group is None:
            return
        if kind_of(id) == "flow":
            await self._flows.admit_rest(id)
        members = await self._groups.job_ids(group)
        # Dependent jobs first, so that cancelling their dependencies does not release them.
        ordered, reason = (members[::-1], "flow") if isinstance(group, Flow) else (members, "fan_out")
        await self._each(ordered, lambda ids: self._jobs.cancel(ids, group.grace_ms, reason))

    async def _cancel_children(self, parent: str) -> None:
        """Cancel the children of a job that has finished without them."""
        job = await self._queries.job(parent)
        if not decide.ends_children(job):
            return
        edges = (await self._flows.dependencies([parent]))[parent]
        children = [id for condition, id in edges.values() if condition == CONDITIONS["child"]]
        key = keys.job(self._prefix, id=parent)
        grace = number((await self._queries.pipeline(lambda pipe: pipe.hget(key, "children_grace_ms")))[0])
        order = decide.cancel_order(await self._waits(children))
        grace_ms = decide.CHILDREN_GRACE_MS if grace is None else grace
        await self._each(order, lambda ids: self._jobs.cancel(ids, grace_ms, Reason.PARENT))

    async def _forget_children(self, parent: str) -> None:
        """Delete what was kept of the deleted children of a deleted job, and its dependencies."""
        edges = (await self._flows.dependencies([parent]))[parent]
        children = [id for condition, id in edges.values() if condition == CONDITIONS["child"]]
        await self._groups.forget_ends(children)
        await self._queries.pipeline(lambda pipe: pipe.unlink(keys.dependencies(self._prefix, id=parent)))

    async def _cancel_unstarted(self, id: str) -> None:
        """Cancel unstarted items, because more have failed than the fan-out tolerates."""
        group = await self._groups.get(id)
        if group is not None:
            members = await self._groups.job_ids(group)
            await self._each(members, lambda ids: self._jobs.cancel(ids, 0, "fan_out", unstarted=True))

    async def _retry(self, id: str, job: str = "") -> None:
        """Retry jobs that did not succeed, or only those that were cancelled as dependents of `job`."""
        group = await self._groups.get(id)
        if isinstance(group, Flow):
            await self._flows.admit_rest(id)
            members, waits = await self._graph(id)
            chosen: Sequence[str] = decide.retry_order(members, waits, job)
        elif isinstance(group, FanOut):
            chosen, waits = group.item_ids, {}
            if then := group.then_job_id:
                await self._scripts.run("retry_group_jobs", [id, "", 0, then])
        else:
            return
        reason = "dependency" if job else ""
        for batch in decide.retry_batches(chosen, waits):
            further = await self._scripts.run("retry_group_jobs", [id, reason, 0, *batch])
            while further:
                member, held, *others = further
                found = await self._scripts.run("retry_group_jobs", [id, reason, "", member, held])
                further = [*found, *others]
        await self._scripts.run("retry_group_jobs", [id, reason, 1])
        if decide.fails_whole(group) and not job:
            await self._repeat_failures(group, chosen)

    async def _repeat_failures(self, flow: Group, job_ids: Sequence[str]) -> None:
        for start in range(0, len(job_ids), PORTION):
            batch = job_ids[start : start + PORTION]

            def ask(pipe: Any, batch: Sequence[str] = batch) -> None:
                for id in batch:
                    pipe.hmget(keys.job(self._prefix, id=id), "state", "generation")

            for id, (state, generation) in zip(batch, await self._queries.pipeline(ask), strict=True):
                if decide.died_in(flow, text(state), number(generation)):
                    await self._fail(flow.id, id)

    async def _remove(self, id: str) -> None:
        """Delete the jobs of a deleted group, and its data."""
        members = await self._groups.left_job_ids(id)
        if kind_of(id) == "fan":
            await self._each([follow_up_id(id)], self._jobs.delete)
        await self._each(members, self._jobs.delete)
        await self._groups.forget(id, members)

    async def _is_awaited(self, id: str) -> bool:
        return kind_of(id) == "fan" and decide.is_awaited(await self._queries.job(follow_up_id(id)))

    async def _postpone(self, id: str, until: int) -> None:
        key = keys.group_retention(self._prefix)
        await self._queries.pipeline(lambda pipe: pipe.zadd(key, {id: until}, xx=True))

    async def _discard(self, id: str) -> None:
        jobs = list((await self._groups.flow_jobs(id)).values())
        for start in range(0, max(len(jobs), 1), PORTION):
            last = int(start + PORTION >= len(jobs))
            await self._scripts.run("discard_flow_jobs", [id, last, *jobs[start : start + PORTION]])

    async def _graph(self, flow: str) -> tuple[list[str], dict[str, list[str]]]:
        members = list((await self._groups.flow_jobs(flow)).values())
        return members, await self._waits(members)

    async def _waits(self, job_ids: Sequence[str]) -> dict[str, list[str]]:
        found = await self._flows.dependencies(job_ids)
        return {id: [dependency for _, dependency in edges.values()] for id, edges in found.items()}

    async def _each(self, ids: Sequence[str], act: Callable[[Sequence[str]], Awaitable[Any]]) -> None:
        for start in range(0, len(ids), PORTION):
            await act(ids[start : start + PORTION])

    async def _tasks(self, refused: Container[str]) -> list[tuple[str, int]]:
        """The oldest tasks that Redis has not refused in this call."""
        start = 0
        while True:
            end = start + AT_MOST - 1
            found = await self._queries.pipeline(
                lambda pipe, start=start, end=end: pipe.zrange(
                    keys.tasks(self._prefix), start, end, withscores=True
                )
            )
            tasks = scored(found[0])
            if chosen := [(task, score) for task, score in tasks if task not in refused]:
                return chosen
            if not tasks:
                return []
            start += AT_MOST

    async def _range(self, key: str, until: int) -> list[str]:
        found = await self._queries.pipeline(
            lambda pipe: pipe.zrangebyscore(key, "-inf", until, start=0, num=AT_MOST)
        )
        return texts(found[0])

    async def _now(self) -> int:
        if self._scripts.now:
            return int(self._scripts.now)
        seconds, micros = (await self._queries.pipeline(lambda pipe: pipe.time()))[0]
        return seconds * 1000 + micros // 1000
