"""Creates the fan-outs of handlers."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import orjson

from service.domain.checks import nullable, read_object
from service.domain.errors import NotFound
from service.domain.fan_out import MAX_ITEMS, CountMismatch, FanOutSealed, FanOutSpec, Item, read_tolerance
from service.domain.ids import derived_id
from service.domain.job import Lease
from service.domain.job_spec import encode_payload
from service.domain.limits import CONCURRENCY
from service.store.groups.fan_outs import ITEMS_PER_CALL, FanOuts
from workers.calls.results import encode_json
from workers.handling.job_specs import Reader
from workers.handling.registry import Registry


async def create_fan_out(
    fan_outs: FanOuts,
    lease: Lease,
    number: int,
    spec: FanOutSpec,
    payloads: Iterable[Mapping[str, Any]],
    registry: Registry,
) -> str:
    """Create the `number`-th fan-out of a job and return its id, which is the same in every run.

    Raises ValueError when an earlier run sent a different number of payloads.
    """
    id = derived_id("fan", lease.job.created_at, f"{lease.job.id} {number}")
    await fan_outs.create(id, spec, 0, None)
    rest, count = iter(payloads), 0
    shared, most = orjson.loads(spec.template.payload), registry.max_payload_bytes
    while batch := list(islice(rest, ITEMS_PER_CALL)):
        items = [
            Item(index, _encode(payload, f"/items/{index}", shared, most))
            for index, payload in enumerate(batch, count)
        ]
        count += len(items)
        if count > MAX_ITEMS:
            raise ValueError(f"the limit is {MAX_ITEMS:,} items per fan-out")
        try:
            await fan_outs.add_items(id, items, admitted=True)
        except (FanOutSealed, NotFound):
            return id
    try:
        await fan_outs.seal(id, count)
    except CountMismatch as error:
        message = (
            f"an earlier run of this job sent {error.count} payloads, not {count}; send the same ones in "
            "every run"
        )
        raise ValueError(message) from error
    except NotFound:
        pass
    return id


def read_fan_out(
    reader: Reader, name: str, then: str | Mapping[str, Any] | None, options: Mapping[str, Any]
) -> FanOutSpec:
    """Raises SpecInvalid or PayloadTooLarge."""
    template = {**options, "name": name}
    concurrency = template.pop("max_concurrency", None)
    tolerance = template.pop("failure_tolerance", {})
    follow_up = {"name": then} if isinstance(then, str) else then
    return FanOutSpec(
        reader.read(template, "/template", inside="fan-out"),
        None if follow_up is None else reader.read(follow_up, "/then", inside="fan-out"),
        read_tolerance(tolerance, "/failure_tolerance"),
        nullable(CONCURRENCY)(concurrency, "/max_concurrency"),
    )


def _encode(payload: object, pointer: str, shared: Mapping[str, Any], most: int) -> bytes:
    """The JSON text of an item; its size limit includes the payload of the template."""
    text = encode_payload(payload, pointer, encode_json, most)
    if shared:
        encode_payload({**shared, **read_object(payload, pointer)}, pointer, encode_json, most)
    return text
