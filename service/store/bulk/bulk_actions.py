"""Bulk actions: accepting, reading and directing them; portions.py does their work."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, cast

import orjson

from service.domain.bulk_action import TAKES, ActionState, Verb, batch_rate
from service.domain.states import FINISHED, State
from service.store.bulk.job_selection import START, JobSelection, Query
from service.store.cursors import decode_place, encode_cursor
from service.store.jobs import IDEMPOTENCY_MS, Idempotency
from service.store.queries import JobFilter, Page, Queries
from service.store.redis import keys
from service.store.redis.scripts import Argument, Scripts


@dataclass(frozen=True, slots=True)
class BulkSpec:
    """A bulk action as it was asked for. `grace_ms` is that of running jobs which are cancelled."""

    verb: Verb
    filter: JobFilter
    rate_per_second: float | None = None
    max: int | None = None
    grace_ms: int = 0

    @property
    def query(self) -> Query:
        return Query(self.filter, TAKES[self.verb])


@dataclass(frozen=True, slots=True)
class BulkAction:
    """A bulk action as it is now; `skipped` jobs had changed, or another job holds their unique key."""

    id: str
    version: int
    state: ActionState
    spec: BulkSpec
    succeeded: int
    skipped: int
    created_at: int
    finished_at: int | None = None
    position: str = START

    @property
    def live(self) -> bool:
        return self.state in ("running", "paused")

    @property
    def query(self) -> Query:
        """Jobs that were there when it was accepted; one that ends again later is not taken again."""
        query = self.spec.query.created_by(self.created_at)
        ended_by = self.created_at if TAKES[self.spec.verb] <= FINISHED else None
        return Query(query.filter, query.states, ended_by)


@dataclass(frozen=True, slots=True)
class Begun:
    """What became of a request for a bulk action, and the action as it was first answered."""

    word: Literal["moved", "replayed", "reused"]
    action: BulkAction


def decode_action(id: str, found: Mapping[bytes, bytes]) -> BulkAction:
    filter = orjson.loads(found[b"filter"])
    if filter["state"] is not None:
        filter["state"] = State(filter["state"])
    rate, most = found[b"rate"], found[b"max"]
    finished_at = found.get(b"finished_at")
    return BulkAction(
        id=id,
        version=int(found[b"version"]),
        state=cast(ActionState, found[b"state"].decode()),
        spec=BulkSpec(
            verb=cast(Verb, found[b"verb"].decode()),
            filter=JobFilter(**filter),
            rate_per_second=float(rate) if rate else None,
            max=int(most) if most else None,
            grace_ms=int(found[b"grace_ms"]),
        ),
        succeeded=int(found[b"succeeded"]),
        skipped=int(found[b"skipped"]),
        created_at=int(found[b"created_at"]),
        finished_at=None if finished_at is None else int(finished_at),
        position=found[b"position"].decode(),
    )


class BulkActions:
    """Bulk actions of one namespace."""

    def __init__(self, scripts: Scripts, queries: Queries, selection: JobSelection) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._queries = queries
        self._selection = selection

    async def begin(self, id: str, spec: BulkSpec, idempotency: Idempotency | None) -> Begun:
        """Accept it; sent again with the same id it is accepted once."""
        digest, request = (idempotency.digest(), idempotency.request) if idempotency else ("", "")
        _, interval_ms = batch_rate(spec.rate_per_second)
        filter = {field.name: getattr(spec.filter, field.name) for field in fields(spec.filter)}
        arguments: list[Argument] = [id, digest, request, IDEMPOTENCY_MS, int(TAKES[spec.verb] <= FINISHED)]
        values: dict[str, Argument] = {
            "verb": spec.verb,
            "filter": orjson.dumps(filter),
            "only": spec.filter.state or "",
            "rate": "" if spec.rate_per_second is None else spec.rate_per_second,
            "interval_ms": interval_ms,
            "max": "" if spec.max is None else spec.max,
            "grace_ms": spec.grace_ms,
        }
        for field, value in values.items():
            arguments += [field, value]
        word, found, at = await self._scripts.run("create_bulk_action", arguments)
        first = BulkAction(found.decode(), 1, "running", spec, 0, 0, int(at))
        return Begun(word.decode(), first)

    async def count(self, spec: BulkSpec) -> tuple[int, bool]:
        """How many jobs match now, and whether that is all of them."""
        return await self._selection.count(spec.query)

    async def get(self, id: str) -> BulkAction | None:
        return (await self._read([id]))[0]

    async def list(self, limit: int, cursor: str | None) -> Page[BulkAction]:
        """Newest first."""
        at, after = decode_place(cursor, "act")
        arguments: list[Argument] = [limit + 1, at, after, "-inf", "+inf", keys.actions("")]
        flat = cast("list[bytes]", await self._scripts.run("list_page", arguments))
        rows = [(id.decode(), int(at)) for id, at in zip(flat[::2], flat[1::2], strict=True)]
        found = await self._read([id for id, _ in rows[:limit]]) if rows else []
        following = encode_cursor(rows[limit - 1][1], rows[limit - 1][0]) if len(rows) > limit else None
        return Page([action for action in found if action is not None], following)

    async def direct(self, id: str, to: Literal["paused", "running", "cancelled"]) -> tuple[str, str]:
        """moved | same | illegal (it has ended) | missing, and the state."""
        word, state = await self._scripts.run("set_bulk_action_state", [id, to])
        return word.decode(), state.decode()

    async def _read(self, ids: "list[str]") -> "list[BulkAction | None]":
        def ask(pipe: Any) -> None:
            for id in ids:
                pipe.hgetall(keys.action(self._prefix, action=id))

        rows = await self._queries.pipeline(ask)
        return [
            decode_action(id, found) if b"state" in found else None
            for id, found in zip(ids, rows, strict=True)
        ]
