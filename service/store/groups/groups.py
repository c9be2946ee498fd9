"""Reads, cancels, retries, deletes and forgets flows and fan-outs."""

from collections.abc import Sequence
from typing import Any, TypeVar

from redis.exceptions import RedisError

from service.domain.errors import InvalidState, NotFound
from service.domain.fan_out import FanOut, ItemIds
from service.domain.group import Group, GroupState, kind_of
from service.store.codec.fields import decode_texts, number, places, text
from service.store.codec.groups import FIELDS, decode_contents, decode_group, decode_state
from service.store.cursors import decode_place, encode_cursor
from service.store.queries import Page, Queries
from service.store.redis import keys
from service.store.redis.errors import translate
from service.store.redis.scripts import Argument, Scripts

#: Jobs that one script call handles: each takes Redis some 30 us.
PORTION = 100
#: Milliseconds for which a finished group is kept at least.
RETENTION_MS = 86_400_000


AnyGroup = TypeVar("AnyGroup", bound=Group)


class Groups:
    """Flows and fan-outs of one namespace."""

    def __init__(self, scripts: Scripts, queries: Queries) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._queries = queries

    async def get(self, id: str) -> Group | None:
        """None also for a flow that is not committed."""
        return (await self._read([id]))[0]

    async def find(self, kind: type[AnyGroup], id: str) -> AnyGroup | None:
        """Like get, for one kind of group."""
        found = await self.get(id)
        return found if isinstance(found, kind) else None

    async def list(self, kind: type[AnyGroup], limit: int, cursor: str | None) -> Page[AnyGroup]:
        """Newest first."""
        at, after = decode_place(cursor, kind.kind)
        key = keys.groups("", kind=kind.kind)
        arguments: list[Argument] = [limit + 1, at, after, "-inf", "+inf", key]
        rows = places(await self._scripts.run("list_page", arguments))
        found = await self._read([id for id, _ in rows[:limit]]) if rows else []
        following = encode_cursor(rows[limit - 1][1], rows[limit - 1][0]) if len(rows) > limit else None
        return Page([group for group in found if isinstance(group, kind)], following)

    async def job_ids(self, group: Group) -> "Sequence[str]":
        """Ids of the jobs of a flow, or of all possible items of a fan-out, by index."""
        if isinstance(group, FanOut):
            return group.item_ids
        return list((await self.flow_jobs(group.id)).values())

    async def left_job_ids(self, id: str) -> "Sequence[str]":
        """Ids of the jobs of a deleted group."""
        if kind_of(id) == "flow":
            return list((await self.flow_jobs(id)).values())
        key = keys.group(self._prefix, group=id)
        highest = number((await self._queries.pipeline(lambda pipe: pipe.hget(key, "highest")))[0])
        return ItemIds(id, 0 if highest is None else highest + 1)

    async def flow_jobs(self, id: str) -> dict[str, str]:
        """Job ids by key, sorted by id."""
        key = keys.group_jobs(self._prefix, group=id)
        found = (await self._queries.pipeline(lambda pipe: pipe.hgetall(key)))[0]
        return dict(sorted(decode_texts(found).items(), key=lambda pair: pair[1]))

    async def contents(self, ids: "Sequence[str]") -> "list[set[tuple[str, str]]]":
        """Queue and job type of the jobs that were submitted with each group (see decode_contents)."""
        rows = await self._queries.pipeline(
            lambda pipe: [pipe.hget(keys.group(self._prefix, group=id), "contents") for id in ids]
        )
        return [decode_contents(row) for row in rows]

    async def item_payload(self, id: str) -> bytes:
        """The payload of a fan-out's template."""
        key = keys.group(self._prefix, group=id)
        found = (await self._queries.pipeline(lambda pipe: pipe.hget(key, "item_payload")))[0]
        return b"{}" if found is None else found

    async def request_cancel(self, id: str, grace_ms: int) -> None:
        """Request that it is cancelled; a background task cancels its jobs.

        Raises NotFound, and InvalidState for a finished group.
        """
        state = await self._change("request_group_action", [id, "cancel", grace_ms])
        if state is not None:
            raise InvalidState(f"It has already {state}.", current_state=state)

    async def request_retry(self, id: str) -> None:
        """Request that it runs again; a background task retries its jobs.

        Raises NotFound, and InvalidState when none of its jobs is dead or cancelled.
        """
        state = await self._change("request_group_action", [id, "retry", 0])
        if state is not None:
            raise InvalidState("No job in it is dead or cancelled.", current_state=state)

    async def delete(self, id: str) -> None:
        """Hide it at once; a background task deletes its jobs.

        Raises NotFound, and InvalidState while the group or its follow-up is unfinished.
        """
        state = await self._change("delete_group", [id])
        if state is not None:
            raise InvalidState(f"It is {state}, or its follow-up job is unfinished.", current_state=state)

    async def _change(self, script: str, arguments: Sequence[Argument]) -> GroupState | None:
        """None after the change, or the state that does not permit it. Raises NotFound."""
        word, state = await self._scripts.run(script, arguments)
        match text(word):
            case "moved":
                return None
            case "missing":
                raise NotFound()
            case _:
                return decode_state(state)

    async def forget(self, id: str, job_ids: Sequence[str] = ()) -> None:
        """Delete the record of a finished group and its data about jobs; its jobs have their own retention.

        A group that `delete` has hidden needs its `job_ids`.
        """
        group = await self.get(id)
        job_ids = job_ids if group is None else await self.job_ids(group)
        await self.forget_ends(job_ids)
        await self._scripts.run("forget_group", [id, kind_of(id)])

    async def forget_ends(self, job_ids: Sequence[str]) -> None:
        """Delete what was kept of those that are deleted, because other jobs might have needed it."""
        try:
            for start in range(0, len(job_ids), 1_000):
                await self._forget_ends(job_ids[start : start + 1_000])
        except (RedisError, OSError) as error:
            raise translate(error, wrote=True) from error

    async def _forget_ends(self, ids: Sequence[str]) -> None:

        def ask(pipe: Any) -> None:
            for id in ids:
                pipe.exists(keys.ended(self._prefix, id=id))

        found = await self._queries.pipeline(ask)
        gone = [id for id, kept in zip(ids, found, strict=True) if kept]
        parts = (keys.ended, keys.dependents, keys.dependencies, keys.waits)
        if gone:
            await self._scripts.redis.unlink(*(key(self._prefix, id=id) for id in gone for key in parts))

    async def _read(self, ids: "Sequence[str]") -> "list[Group | None]":
        def ask(pipe: Any) -> None:
            for id in ids:
                pipe.hmget(keys.group(self._prefix, group=id), FIELDS)

        replies = await self._queries.pipeline(ask)
        return [decode_group(id, values) for id, values in zip(ids, replies, strict=True)]
