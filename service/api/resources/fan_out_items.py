"""Items of a fan-out on their way in, read one by one from the text of the request."""

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

import orjson
from pydantic import ValidationError

from service.api.context import RequestContext
from service.api.requests.strict_json import parse
from service.api.requests.time_slices import Turns
from service.api.responses.errors import JsonInvalid, ValidationFailed
from service.api.responses.problems import pointer
from service.api.schemas.fan_outs import ItemIn
from service.domain.errors import PayloadInvalid, PayloadTooLarge, TriageError
from service.domain.fan_out import Item

#: Rows of errors that one answer shows.
MAX_ROWS = 100


class ItemReader:
    """Turns the text of an item into an item; raises ValidationFailed, PayloadInvalid or PayloadTooLarge."""

    def __init__(self, context: RequestContext, name: str, template_payload: bytes) -> None:
        self._types = context.namespace_state.types
        self._job_type = self._types.known(name)
        self._payload: dict[str, Any] = orjson.loads(template_payload)
        self._limit = context.app_state.settings.max_payload_bytes
        self._http, self._namespace = context.app_state.metrics.http, context.caller.namespace

    async def read(self, raw: bytes, position: int, start: int = 0, *, known_good: bool = False) -> Item:
        """`position` is that in the request, the index of the item is `start` beyond it.

        With `known_good` the payload is not held against its schema: that was done before.
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
            # The template's is kept once for all items.
            payload=orjson.dumps(fields.payload),
            key=fields.key,
            priority=fields.priority,
            delay_ms=None if delay is None else round(delay * 1000),
        )

    def _fields(self, raw: bytes, root: str) -> tuple[ItemIn, str]:
        document = parse(raw)
        if not isinstance(document, dict):
            rows = [{"pointer": root, "code": "dict_type", "message": "Input should be a valid dictionary"}]
            raise ValidationFailed(errors=rows)
        members = cast(dict[str, Any], document)
        if "payload" not in members:
            return ItemIn.model_construct(payload=members), root
        try:
            return ItemIn.model_validate(members), f"{root}/payload"
        except ValidationError as error:
            rows = [
                {
                    "pointer": root + pointer(("body", *row["loc"])),
                    "code": row["type"],
                    "message": row["msg"],
                }
                for row in error.errors()[:20]
            ]
            raise ValidationFailed(errors=rows) from None


async def check_all(reader: ItemReader, items: Sequence[bytes]) -> Counter[int | None]:
    """How many items have which delay; raises the first kind of error found, with a row per problem."""
    delays: Counter[int | None] = Counter()
    first: TriageError | None = None
    rows: list[dict[str, str]] = []
    turns = Turns()
    for position, raw in enumerate(items):
        await turns.pause()
        try:
            delays[(await reader.read(raw, position)).delay_ms] += 1
        except (ValidationFailed, PayloadInvalid, PayloadTooLarge) as error:
            first = first or error
            rows += error.details["errors"]
            if len(rows) >= MAX_ROWS:
                break
        except JsonInvalid as error:
            raise JsonInvalid(f"/items/{position}: {error.message}") from None
    if first is None:
        return delays
    first.details = {"errors": rows[:MAX_ROWS]}
    raise first


async def in_portions(reader: ItemReader, items: Sequence[bytes], size: int) -> AsyncGenerator[list[Item]]:
    """Items that were checked before, `size` at a time."""
    turns = Turns()
    for start in range(0, len(items), size):
        portion: list[Item] = []
        for position, raw in enumerate(items[start : start + size], start):
            await turns.pause()
            portion.append(await reader.read(raw, position, known_good=True))
        yield portion
