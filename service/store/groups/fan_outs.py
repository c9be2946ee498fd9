"""Fan-outs: begun, filled with items, sealed; and the results of their items."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from service.domain.errors import TooManyQueues
from service.domain.fan_out import FanOutSpec, Item, follow_up_id, item_id
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.codec import decode_redact
from service.store.groups.flows import spec_arguments
from service.store.groups.groups import RETENTION_MS, Group, Groups, GroupState
from service.store.jobs import IDEMPOTENCY_MS, Idempotency
from service.store.queries import Queries
from service.store.redis import keys
from service.store.redis.scripts import Argument, Scripts

#: Items per script call: admitting one takes Redis some 30 us.
FILL = 100
#: Milliseconds without new items after which an open fan-out is cancelled, by whether one request was to
#: bring them all.
PATIENCE_MS = {True: 3_600_000, False: 86_400_000}
#: Results that are read at a time: items, and bytes unless a single one is larger.
READ_ITEMS = 200
READ_BYTES = 1_048_576


@dataclass(frozen=True, slots=True)
class Opened:
    """`id` is that of the earlier fan-out when the submission was replayed."""

    word: Literal["moved", "replayed", "reused", "full"]
    id: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Filled:
    """`added` are new; `next_index` is the first that is missing."""

    word: Literal["moved", "sealed", "full", "missing"]
    state: GroupState
    added: int
    next_index: int
    total: int
    sealed: bool


@dataclass(frozen=True, slots=True)
class Sealed:
    """`total` items are there, without a gap before `next_index`."""

    word: Literal["moved", "mismatch", "missing"]
    total: int
    next_index: int


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What became of an item; JSON values as text."""

    index: int
    key: str | None
    job_id: str
    state: State
    result: bytes | None
    error: bytes | None
    #: As `Job.redact`.
    redact: tuple[str, ...] | None = None


class FanOuts:
    """Creates, fills and reads fan-outs of one namespace."""

    def __init__(self, scripts: Scripts, queries: Queries, groups: Groups) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._queries = queries
        self._groups = groups

    async def open(self, id: str, spec: FanOutSpec, items: int, idempotency: Idempotency | None) -> Opened:
        """Begin a fan-out and store its follow-up; `items` are to come at once: the queue must have room.

        Raises TooManyQueues.
        """
        digest, request = (idempotency.digest(), idempotency.request) if idempotency else ("", "")
        arguments: list[Argument] = [
            id,
            max(RETENTION_MS, spec.template.retention_ms),
            _optional(spec.tolerance.count),
            _optional(spec.tolerance.percent),
            _optional(spec.max_concurrency),
            PATIENCE_MS[spec.whole],
            items,
            digest,
            request,
            IDEMPOTENCY_MS,
            self._scripts.max_queues,
            *spec_arguments(spec.template),
        ]
        if spec.then is not None:
            arguments += [follow_up_id(id), *spec_arguments(spec.then)]
        word, found, at = await self._scripts.run("create_fan_out", arguments)
        if word == b"too_many_queues":
            raise TooManyQueues()
        return Opened(word.decode(), found.decode(), int(at))

    async def fill(self, id: str, items: Sequence[Item], *, admitted: bool = False) -> Filled:
        """Add up to FILL items as jobs; with `admitted` the depth of the queue was looked at by `open`."""
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
        if word == b"too_many_queues":
            raise TooManyQueues()
        return Filled(
            word.decode(), cast(GroupState, state.decode()), added, next_index, int(total), sealed != b""
        )

    async def seal(self, id: str, expected: int) -> Sealed:
        """Close it to new items when it has taken exactly `expected`, all from the first on."""
        word, total, next_index = await self._scripts.run("seal_fan_out", [id, expected])
        return Sealed(word.decode(), int(total), next_index)

    async def results(self, group: Group, start: int) -> AsyncGenerator[list[ItemResult]]:
        """Items from an index on, in order, a bounded number of bytes at a time, without forgotten ones."""
        end = int(group.fields.get(b"highest", -1)) + 1
        for first in range(start, end, READ_ITEMS):
            indexes = range(first, min(first + READ_ITEMS, end))
            for portion in await self._portions(group.id, indexes):
                yield await self._read(group.id, portion)

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
                pipe.hmget(keys.job(self._prefix, id=job), "state", "result", "error", "key", "options")
                pipe.hmget(keys.ended(self._prefix, id=job), "state", "result", "error", "key", "options")

        replies = await self._queries.pipeline(ask)
        found: list[ItemResult] = []
        for index, job, stub in zip(indexes, replies[::2], replies[1::2], strict=True):
            state, result, error, key, options = job if job[0] is not None else stub
            if state is not None:
                found.append(
                    ItemResult(
                        index,
                        key.decode() if key else None,
                        item_id(id, index),
                        State(state.decode()),
                        result or None,
                        error or None,
                        decode_redact(options),
                    )
                )
        return found


def first_answer(id: str, spec: FanOutSpec, delays: Mapping[int | None, int], at: int) -> Group:
    """The fan-out as its submission was answered, rebuilt without reading it; `delays` counts its items."""
    total = sum(delays.values())
    scheduled = sum(n for delay, n in delays.items() if _first_due(spec.template, delay, at) > at)
    counts = dict.fromkeys(State, 0)
    counts[State.SCHEDULED], counts[State.QUEUED] = scheduled, total - scheduled
    fields = {
        b"item_name": spec.template.name.encode(),
        b"item_queue": spec.template.queue.encode(),
        **({b"sealed": b"1"} if spec.whole else {}),
        **({b"then": follow_up_id(id).encode()} if spec.then is not None else {}),
    }
    settings = {
        b"max_concurrency": spec.max_concurrency,
        b"tolerance_count": spec.tolerance.count,
        b"tolerance_percent": spec.tolerance.percent,
    }
    fields |= {name: str(value).encode() for name, value in settings.items() if value is not None}
    state: GroupState = ("running" if total else "succeeded") if spec.whole else "open"
    return Group(id, 1, state, total, counts, at, at if state == "succeeded" else None, fields)


def _first_due(template: JobSpec, delay_ms: int | None, at: int) -> int:
    if delay_ms is not None:
        return at + delay_ms
    return template.run_at_ms if template.run_at_ms is not None else at + template.delay_ms


def _optional(value: float | None) -> Argument:
    return "" if value is None else value
