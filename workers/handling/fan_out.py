"""Fan-outs that handlers begin."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, cast

from service.domain.fan_out import MAX_ITEMS, FanOutSpec, Item, Tolerance
from service.domain.ids import derived_id
from service.domain.job import Lease
from service.store.groups.fan_outs import FILL, FanOuts
from workers.handling.job_specs import encode_payload, read_spec
from workers.handling.registry import Registry


async def dispatch(
    fan_outs: FanOuts,
    lease: Lease,
    number: int,
    spec: FanOutSpec,
    payloads: Iterable[Mapping[str, Any]],
    registry: Registry,
) -> str:
    """The id of the `number`-th fan-out of a job, one and the same in every run of it.

    Raises ValueError when an earlier run sent other payloads.
    """
    id = derived_id("fan", lease.job.created_at, f"{lease.job.id} {number}")
    await fan_outs.open(id, spec, 0, None)
    rest, count = iter(payloads), 0
    while portion := list(islice(rest, FILL)):
        items = [Item(count + place, _encode(registry, payload)) for place, payload in enumerate(portion)]
        count += len(items)
        if count > MAX_ITEMS:
            raise ValueError(f"the limit is {MAX_ITEMS:,} items per fan-out")
        if (await fan_outs.fill(id, items, admitted=True)).word != "moved":
            return id
    sealed = await fan_outs.seal(id, count)
    if sealed.word == "mismatch":
        raise ValueError(
            f"an earlier run of this job sent {sealed.total} payloads, this one {count}; send the same "
            "payloads in every run"
        )
    return id


def read_fan_out(
    registry: Registry,
    queues: Mapping[str, Mapping[str, Any]],
    name: str,
    then: str | Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> FanOutSpec:
    """`queues` are the defaults of each; raises ValueError for what the API would refuse."""
    fields = dict(options)
    tolerance = fields.pop("failure_tolerance", None) or {}
    concurrency = fields.pop("max_concurrency", None)
    return FanOutSpec(
        read_spec(registry, {**fields, "name": name, "payload": {}}, queues),
        None
        if then is None
        else read_spec(registry, {"name": then} if isinstance(then, str) else then, queues),
        Tolerance(**tolerance),
        concurrency,
    )


def _encode(registry: Registry, payload: object) -> bytes:
    if not isinstance(payload, Mapping):
        raise ValueError("a payload must be a JSON object")
    return encode_payload(registry, cast(Mapping[str, Any], payload))
