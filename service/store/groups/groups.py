"""What flows and fan-outs share: a record with counts, members, cancel and retry, an end of retention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from redis.exceptions import RedisError

from service.domain.fan_out import ItemIds
from service.domain.states import State
from service.store.cursors import decode_place, encode_cursor
from service.store.queries import Page, Queries
from service.store.redis import keys
from service.store.redis.errors import translate
from service.store.redis.scripts import Argument, Scripts

Kind = Literal["flow", "fan"]
GroupState = Literal["open", "running", "succeeded", "failed", "cancelled"]

#: Members that one script call handles: each takes Redis some 30 us.
PORTION = 100
#: What is read of a group: all but its template, whose payload may be large.
_FIELDS = (
    b"state", b"version", b"total", b"created_at", b"finished_at", b"name", b"on_failure", b"sealed", b"then",
    b"highest", b"admitted", b"staged", b"run", b"grace_ms", b"item_name", b"item_queue", b"tolerance_count",
    b"tolerance_percent", b"max_concurrency", *(state.encode() for state in State),
)  # fmt: skip
#: Milliseconds that an ended group is kept at least.
RETENTION_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Group:
    """A flow or fan-out as it is now; `counts` come from the scripts that move its jobs and always add up."""

    id: str
    version: int
    state: GroupState
    total: int
    counts: Mapping[State, int]
    created_at: int
    finished_at: int | None
    fields: Mapping[bytes, bytes]

    @property
    def name(self) -> str | None:
        return _text(self.fields.get(b"name"))

    @property
    def sealed(self) -> bool:
        return b"sealed" in self.fields

    @property
    def then_job_id(self) -> str | None:
        return _text(self.fields.get(b"then"))

    @property
    def live(self) -> bool:
        return self.state in ("open", "running")


def kind_of(id: str) -> Kind:
    return "flow" if id.startswith("flow_") else "fan"


def decode_group(id: str, fields: Mapping[bytes, bytes]) -> Group:
    total = int(fields[b"total"])
    counts = {state: int(fields.get(state.encode(), 0)) for state in State}
    # Members that are staged, but not admitted yet, wait like all that is blocked.
    counts[State.BLOCKED] += total - sum(counts.values())
    finished_at = fields.get(b"finished_at")
    return Group(
        id=id,
        version=int(fields[b"version"]),
        state=cast(GroupState, fields[b"state"].decode()),
        total=total,
        counts=counts,
        created_at=int(fields[b"created_at"]),
        finished_at=None if finished_at is None else int(finished_at),
        fields=fields,
    )


class Groups:
    """Flows and fan-outs of one namespace."""

    def __init__(self, scripts: Scripts, queries: Queries) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._queries = queries

    async def get(self, id: str) -> Group | None:
        """None too for a flow that is staged and not admitted."""
        return (await self._read([id]))[0]

    async def list(self, kind: Kind, limit: int, cursor: str | None) -> Page[Group]:
        """Newest first."""
        at, after = decode_place(cursor, kind)
        key = keys.groups("", kind=kind)
        arguments: list[Argument] = [limit + 1, at, after, "-inf", "+inf", key]
        flat = cast("list[bytes]", await self._scripts.run("list_page", arguments))
        rows = [(id.decode(), int(at)) for id, at in zip(flat[::2], flat[1::2], strict=True)]
        found = await self._read([id for id, _ in rows[:limit]]) if rows else []
        following = encode_cursor(rows[limit - 1][1], rows[limit - 1][0]) if len(rows) > limit else None
        return Page([group for group in found if group is not None], following)

    async def members(self, group: Group) -> "Sequence[str]":
        """Ids of its jobs: of a flow those that it has, of a fan-out all that it may have, by index."""
        if kind_of(group.id) == "flow":
            return list((await self.flow_jobs(group.id)).values())
        return ItemIds(group.id, int(group.fields.get(b"highest", -1)) + 1)

    async def flow_jobs(self, id: str) -> dict[str, str]:
        """Job ids by key, sorted by id."""
        key = keys.group_jobs(self._prefix, group=id)
        found = (await self._queries.pipeline(lambda pipe: pipe.hgetall(key)))[0]
        return dict(
            sorted(((name.decode(), job.decode()) for name, job in found.items()), key=lambda pair: pair[1])
        )

    async def item_payload(self, id: str) -> bytes:
        """The payload of a fan-out's template."""
        key = keys.group(self._prefix, group=id)
        found = (await self._queries.pipeline(lambda pipe: pipe.hget(key, "item_payload")))[0]
        return b"{}" if found is None else found

    async def request_cancel(self, id: str, grace_ms: int) -> tuple[str, str]:
        """moved | illegal | missing, and the state; the cancellation itself is a task."""
        return await self._steer(id, "cancel", grace_ms)

    async def request_retry(self, id: str) -> tuple[str, str]:
        """moved | idle (nothing has failed) | missing, and the state; the new run itself is a task."""
        return await self._steer(id, "retry", 0)

    async def vanish(self, id: str) -> tuple[str, str]:
        """moved | illegal (it goes on, or its follow-up) | missing, and the state; the deletion is a task."""
        word, state = await self._scripts.run("delete_group", [id])
        return word.decode(), state.decode()

    async def forget(self, id: str, members: Sequence[str] = ()) -> None:
        """Drop an ended group and what it kept for its jobs; the jobs have a retention of their own.

        `members` are those of a group that nobody can read any more.
        """
        group = await self.get(id)
        members = members if group is None else await self.members(group)
        client: Any = self._scripts.redis
        try:
            for start in range(0, len(members), 1_000):
                await self._forget_ends(members[start : start + 1_000])
            pipe = client.pipeline(transaction=True)
            pipe.zrem(keys.groups(self._prefix, kind=kind_of(id)), id)
            pipe.zrem(keys.group_retention(self._prefix), id)
            for limiters in (keys.limiters, keys.busy):
                pipe.hdel(limiters(self._prefix), f"fan:{id}")
            pipe.zrem(keys.parked(self._prefix), f"fan:{id}")
            pipe.unlink(
                keys.parked_lanes(self._prefix, limiter=f"fan:{id}"),
                keys.group_jobs(self._prefix, group=id),
                keys.group_items(self._prefix, group=id),
                keys.dependents(self._prefix, id=id),
                keys.group(self._prefix, group=id),
            )
            await pipe.execute()
        except (RedisError, OSError) as error:
            raise translate(error, wrote=True) from error

    async def _forget_ends(self, ids: Sequence[str]) -> None:
        """Drop what was kept of jobs that were deleted while the group went on."""

        def ask(pipe: Any) -> None:
            for id in ids:
                pipe.exists(keys.ended(self._prefix, id=id))

        found = await self._queries.pipeline(ask)
        gone = [id for id, kept in zip(ids, found, strict=True) if kept]
        parts = (keys.ended, keys.dependents, keys.dependencies, keys.waits)
        if gone:
            await self._scripts.redis.unlink(*(key(self._prefix, id=id) for id in gone for key in parts))

    async def _steer(self, id: str, verb: str, grace_ms: int) -> tuple[str, str]:
        word, state = await self._scripts.run("request_group_action", [id, verb, grace_ms])
        return word.decode(), state.decode()

    async def _read(self, ids: "Sequence[str]") -> "list[Group | None]":
        def ask(pipe: Any) -> None:
            for id in ids:
                pipe.hmget(keys.group(self._prefix, group=id), _FIELDS)

        found: list[Group | None] = []
        for id, values in zip(ids, await self._queries.pipeline(ask), strict=True):
            row = {name: value for name, value in zip(_FIELDS, values, strict=True) if value is not None}
            found.append(decode_group(id, row) if b"state" in row else None)
        return found


def _text(value: bytes | None) -> str | None:
    return None if not value else value.decode()
