"""Creates fan-outs, adds their items, seals them, and reads the items' results."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from service.domain.errors import IdempotencyKeyReused, NotFound, QueueFull, TooManyQueues
from service.domain.fan_out import (
    CountMismatch,
    FanOut,
    FanOutSealed,
    FanOutSpec,
    Item,
    ItemResult,
    follow_up_id,
    item_id,
)
from service.domain.job_cost import BATCH_BYTES
from service.store.codec.fields import text, texts
from service.store.codec.jobs import ITEM_RESULT, decode_item_result
from service.store.codec.webhooks.callbacks import encode_callback
from service.store.groups.flows import spec_arguments
from service.store.groups.groups import RETENTION_MS, Groups
from service.store.jobs import IDEMPOTENCY_MS, Idempotency
from service.store.queries import Queries
from service.store.redis import keys
from service.store.redis.scripts import Argument, Scripts

#: Items per script call: admitting one takes Redis some 30 us.
ITEMS_PER_CALL = 100
#: Milliseconds without new items after which an open fan-out is cancelled, by whether the request that
#: created it has all items.
ABANDON_MS = {True: 3_600_000, False: 86_400_000}
#: Limits of one read of results: items, and bytes unless a single result is larger.
READ_ITEMS = 200
READ_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class CreatedFanOut:
    """`replayed`: an earlier request created it, and `id` is from then."""

    id: str
    created_at: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class AddedItems:
    """`added` counts new items; `next_index` is the first missing one."""

    added: int
    next_index: int
    total: int
    sealed: bool


class FanOuts:
    """Fan-outs of one namespace."""

    def __init__(self, scripts: Scripts, queries: Queries, groups: Groups) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._queries = queries
        self._groups = groups

    async def create(
        self, id: str, spec: FanOutSpec, items: int, idempotency: Idempotency | None
    ) -> CreatedFanOut:
        """Create a fan-out and its follow-up. The queue must have room for the `items` that are to follow.

        Raises IdempotencyKeyReused, QueueFull and TooManyQueues.
        """
        digest, request = (idempotency.digest(), idempotency.request) if idempotency else ("", "")
        arguments: list[Argument] = [
            id,
            max(RETENTION_MS, spec.template.retention_ms),
            _optional(spec.tolerance.count),
            _optional(spec.tolerance.percent),
            _optional(spec.max_concurrency),
            ABANDON_MS[spec.whole],
            items,
            digest,
            request,
            IDEMPOTENCY_MS,
            self._scripts.max_queues,
            encode_callback(spec.callback),
            *spec_arguments(spec.template, id),
        ]
        if spec.then is not None:
            arguments += [follow_up_id(id), *spec_arguments(spec.then)]
        word, found, at = await self._scripts.run("create_fan_out", arguments)
        result, first_id = texts((word, found))
        match result:
            case "reused":
                raise IdempotencyKeyReused()
            case "full":
                raise QueueFull()
            case "too_many_queues":
                raise TooManyQueues()
            case _:
                return CreatedFanOut(first_id, int(at), replayed=result == "replayed")

    async def add_items(self, id: str, items: Sequence[Item], *, admitted: bool = False) -> AddedItems:
        """Add up to ITEMS_PER_CALL items as jobs; with `admitted`, `create` has checked the queue's depth.

        Large ones come in several calls.

        Raises NotFound, FanOutSealed, QueueFull and TooManyQueues.
        """
        found, size, start = AddedItems(0, 0, 0, sealed=False), 0, 0
        for place, item in enumerate(items):
            if place > start and size + len(item.payload) > BATCH_BYTES:
                part = await self._add_items(id, items[start:place], admitted=admitted)
                found, size, start = replace(part, added=found.added + part.added), 0, place
            size += len(item.payload)
        part = await self._add_items(id, items[start:], admitted=admitted)
        return replace(part, added=found.added + part.added)

    async def _add_items(self, id: str, items: Sequence[Item], *, admitted: bool) -> AddedItems:
        arguments: list[Argument] = [id, int(admitted), self._scripts.max_queues]
        for item in items:
            arguments += [
                item.index,
                item_id(id, item.index),
                item.payload,
                _optional(item.priority),
                _optional(item.delay_ms),
                item.key or "",
            ]
        word, state, added, next_index, total, sealed = await self._scripts.run(
            "add_fan_out_items", arguments
        )
        match text(word):
            case "missing":
                raise NotFound()
            case "sealed":
                raise FanOutSealed(current_state=text(state))
            case "full":
                raise QueueFull(next_index=next_index)
            case "too_many_queues":
                raise TooManyQueues()
            case _:
                return AddedItems(added, next_index, int(total), bool(sealed))

    async def has_items(self, id: str, indexes: Sequence[int]) -> bool:
        """Whether the fan-out has ever accepted all of these items."""
        key = keys.group_items(self._prefix, group=id)

        def ask(pipe: Any) -> None:
            for index in indexes:
                pipe.getbit(key, index)

        return all(await self._queries.pipeline(ask)) if indexes else True

    async def seal(self, id: str, expected: int) -> None:
        """Accept no more items, if it has exactly the first `expected` ones.

        Raises NotFound and CountMismatch.
        """
        word, total, next_index = await self._scripts.run("seal_fan_out", [id, expected])
        match text(word):
            case "missing":
                raise NotFound()
            case "mismatch":
                raise CountMismatch(
                    f"The fan-out has {int(total)} items, the first missing index is {next_index}.",
                    expected_count=expected,
                    count=int(total),
                    next_index=next_index,
                )
            case _:
                return

    async def results(self, fan_out: FanOut, start: int) -> AsyncGenerator[list[ItemResult]]:
        """Results from an index on, in order, a bounded number of bytes at a time, without pruned items."""
        end = fan_out.highest + 1
        for first in range(start, end, READ_ITEMS):
            indexes = range(first, min(first + READ_ITEMS, end))
            for portion in await self._portions(fan_out.id, indexes):
                yield await self._read(fan_out.id, portion)

    async def _portions(self, id: str, indexes: Sequence[int]) -> list[list[int]]:
        def ask(pipe: Any) -> None:
            for index in indexes:
                pipe.hstrlen(keys.job(self._prefix, id=item_id(id, index)), "result")

        portions: list[list[int]] = [[]]
        size = 0
        for index, length in zip(indexes, await self._queries.pipeline(ask), strict=True):
            if portions[-1] and size + length > READ_BYTES:
                portions.append([])
                size = 0
            portions[-1].append(index)
            size += length
        return portions

    async def _read(self, id: str, indexes: Sequence[int]) -> list[ItemResult]:
        def ask(pipe: Any) -> None:
            for index in indexes:
                job = item_id(id, index)
                pipe.hmget(keys.job(self._prefix, id=job), ITEM_RESULT)
                pipe.hmget(keys.ended(self._prefix, id=job), ITEM_RESULT)

        replies = await self._queries.pipeline(ask)
        rows = zip(indexes, replies[::2], replies[1::2], strict=True)
        found = (decode_item_result(index, item_id(id, index), job, stub) for index, job, stub in rows)
        return [result for result in found if result is not None]


def _optional(value: float | None) -> Argument:
    return "" if value is None else value
