"""Reads the items of a fan-out one by one from the text of the request."""

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

import orjson
from pydantic import ValidationError

from service.api.context import RequestContext
from service.api.requests.strict_json import parse
from service.api.responses.errors import JsonInvalid, ValidationFailed
from service.api.responses.validation import MAX_ROWS, model_rows
from service.api.schemas.fan_outs import ItemIn
from service.api.time_slices import TimeSlices
from service.domain.errors import PayloadInvalid, PayloadTooLarge, TriageError, describe_rows
from service.domain.fan_out import Item


class ItemReader:
    """Turns the text of an item into an item; raises ValidationFailed, PayloadInvalid or PayloadTooLarge."""

    def __init__(self, context: RequestContext, name: str, template_payload: bytes) -> None:
        self._types = context.namespace_state.types
        self._job_type = self._types.known(name)
        self._payload: dict[str, Any] = orjson.loads(template_payload)
        self._limit = context.app_state.settings.max_payload_bytes
        self._http, self._namespace = context.app_state.metrics.http, context.caller.namespace

    async def read(self, raw: bytes, position: int, start: int = 0, *, known_good: bool = False) -> Item:
        """Read the item at `position` in the request; its index is `start` higher.

        `known_good` skips the check of the payload against its schema.
        """
        root = f"/items/{position}"
        fields, where = self._fields(raw, root)
        payload = self._payload | fields.payload if self._payload else fields.payload
        if self._job_type is not None and not known_good:
            await self._types.check(self._job_type, payload, where)
        size = len(orjson.dumps(payload))
        if size > self._limit:
            raise PayloadTooLarge.at(where, size, self._limit)
        if known_good:
            self._http.payload(self._namespace, size)
        delay = fields.delay_seconds
        return Item(
            index=start + position,
            # Without the template's payload, which is stored once for all items.
            payload=orjson.dumps(fields.payload),
            key=fields.key,
            priority=fields.priority,
            delay_ms=None if delay is None else round(delay * 1000),
        )

    def _fields(self, raw: bytes, root: str) -> tuple[ItemIn, str]:
        document = parse(raw)
        if not isinstance(document, dict):
            rows = [{"pointer": root, "code": "dict_type", "message": "must be an object"}]
            raise ValidationFailed(errors=rows)
        members = cast(dict[str, Any], document)
        if "payload" not in members:
            return ItemIn.model_construct(payload=members), root
        try:
            return ItemIn.model_validate(members), f"{root}/payload"
        except ValidationError as error:
            rows = model_rows(error, root, members, ItemIn)
            raise ValidationFailed(errors=rows) from None


async def check_all(reader: ItemReader, items: Sequence[bytes]) -> Counter[int | None]:
    """Count items by delay; raises the first type of error found, with a row per problem."""
    delays: Counter[int | None] = Counter()
    first: TriageError | None = None
    rows: list[dict[str, str]] = []
    slices = TimeSlices()
    for position, raw in enumerate(items):
        await slices.pause()
        try:
            delays[(await reader.read(raw, position)).delay_ms] += 1
        except (ValidationFailed, PayloadInvalid, PayloadTooLarge) as error:
            first = first or error
            rows += error.details["errors"]
            if len(rows) >= MAX_ROWS:
                break
        except JsonInvalid as error:
            raise error.inside(f"/items/{position}") from None
    if first is None:
        return delays
    first.details = {"errors": rows[:MAX_ROWS]}
    first.message = describe_rows(rows) or first.message
    raise first


async def in_batches(reader: ItemReader, items: Sequence[bytes], size: int) -> AsyncGenerator[list[Item]]:
    """Items that have been checked, in batches of `size`."""
    slices = TimeSlices()
    for start in range(0, len(items), size):
        batch: list[Item] = []
        for position, raw in enumerate(items[start : start + size], start):
            await slices.pause()
            batch.append(await reader.read(raw, position, known_good=True))
        yield batch
