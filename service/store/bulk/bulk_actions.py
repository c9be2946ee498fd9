"""Bulk actions: creating and reading them, and changing their state; portions.py runs them."""

from dataclasses import dataclass
from typing import Any, Literal

from service.domain.bulk_action import ELIGIBLE, BulkAction, BulkSpec, batch_rate
from service.domain.errors import IdempotencyKeyReused, InvalidState, NotFound
from service.domain.states import FINISHED
from service.store.bulk.job_selection import JobSelection
from service.store.codec.bulk_actions import decode_action, encode_filter
from service.store.codec.fields import places, texts
from service.store.cursors import decode_place, encode_cursor
from service.store.jobs import IDEMPOTENCY_MS, Idempotency
from service.store.queries import Page, Queries
from service.store.redis import keys
from service.store.redis.scripts import Argument, Scripts


@dataclass(frozen=True, slots=True)
class CreatedAction:
    """The action as created; `replayed`: by an earlier request with the same idempotency key."""

    action: BulkAction
    replayed: bool


class BulkActions:
    """Bulk actions of one namespace."""

    def __init__(self, scripts: Scripts, queries: Queries, selection: JobSelection) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._queries = queries
        self._selection = selection

    async def create(self, id: str, spec: BulkSpec, idempotency: Idempotency | None) -> CreatedAction:
        """Store it; a retry with the same id changes nothing. Raises IdempotencyKeyReused."""
        digest, request = (idempotency.digest(), idempotency.request) if idempotency else ("", "")
        _, interval_ms = batch_rate(spec.rate_per_second)
        arguments: list[Argument] = [
            id,
            digest,
            request,
            IDEMPOTENCY_MS,
            int(ELIGIBLE[spec.verb] <= FINISHED),
        ]
        values: dict[str, Argument] = {
            "verb": spec.verb,
            "filter": encode_filter(spec.filter),
            "only": spec.filter.state or "",
            "rate": "" if spec.rate_per_second is None else spec.rate_per_second,
            "interval_ms": interval_ms,
            "max": "" if spec.max is None else spec.max,
            "grace_ms": spec.grace_ms,
        }
        for field, value in values.items():
            arguments += [field, value]
        word, found, at = await self._scripts.run("create_bulk_action", arguments)
        result, first_id = texts((word, found))
        if result == "reused":
            raise IdempotencyKeyReused()
        first = BulkAction(first_id, 1, "running", spec, 0, 0, int(at))
        return CreatedAction(first, replayed=result == "replayed")

    async def count(self, spec: BulkSpec) -> tuple[int, bool]:
        """How many jobs match now, and whether the count is complete."""
        return await self._selection.count(spec.query)

    async def get(self, id: str) -> BulkAction | None:
        return (await self._read([id]))[0]

    async def list(self, limit: int, cursor: str | None) -> Page[BulkAction]:
        """Newest first."""
        at, after = decode_place(cursor, "act")
        arguments: list[Argument] = [limit + 1, at, after, "-inf", "+inf", keys.actions("")]
        rows = places(await self._scripts.run("list_page", arguments))
        found = await self._read([id for id, _ in rows[:limit]]) if rows else []
        following = encode_cursor(rows[limit - 1][1], rows[limit - 1][0]) if len(rows) > limit else None
        return Page([action for action in found if action is not None], following)

    async def set_state(self, id: str, to: Literal["paused", "running", "cancelled"]) -> None:
        """Pause, resume or cancel it. Raises NotFound, and InvalidState when it has ended."""
        word, state = texts(await self._scripts.run("set_bulk_action_state", [id, to]))
        if word == "missing":
            raise NotFound()
        if word == "illegal":
            raise InvalidState(f"The bulk action's state is {state}.", current_state=state)

    async def _read(self, ids: "list[str]") -> "list[BulkAction | None]":
        def ask(pipe: Any) -> None:
            for id in ids:
                pipe.hgetall(keys.action(self._prefix, action=id))

        rows = await self._queries.pipeline(ask)
        return [decode_action(id, found) for id, found in zip(ids, rows, strict=True)]
