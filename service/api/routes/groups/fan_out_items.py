"""Adding items to a fan-out in chunks, and sealing it."""

from collections.abc import Sequence
from typing import Any, cast

from fastapi import Request, Response

from service.api.context import Context
from service.api.openapi.operation import hot, operation
from service.api.resources import groups
from service.api.resources.fan_out_items import ItemReader
from service.api.resources.fan_outs import respond
from service.api.resources.submissions.durability import confirm_items, replicates
from service.api.responses import rendering
from service.api.responses.errors import ValidationFailed
from service.api.responses.problems import of_error
from service.api.routes.router import Router
from service.api.schemas import fan_outs as schemas
from service.api.schemas.parts.parameters import Durability, FanOutId
from service.api.time_slices import TimeSlices
from service.domain.errors import PayloadInvalid, PayloadTooLarge
from service.domain.fan_out import MAX_ITEMS, FanOut, Item
from service.store.groups.fan_outs import ITEMS_PER_CALL

router = Router(prefix="/v1/fan-outs/{fan_out_id}", tags=["fan-outs"])


@router.post(
    "/items",
    name="add_fan_out_items",
    **operation(
        "jobs:write",
        "Add items to an open fan-out",
        {200: ("The result of adding the items.", schemas.ItemsOut)},
        (404, 409, 413, 415, 429, 507),
    ),
)
@hot
async def add_fan_out_items(
    fan_out_id: FanOutId,
    request: Request,
    body: schemas.ItemsIn,
    context: Context,
    durability: Durability = None,
) -> Response:
    """You may send chunks in any order and more than once. Rejects invalid items individually."""
    raw_items = cast("Sequence[bytes]", body.items)
    if body.start_index + len(raw_items) > MAX_ITEMS:
        rows = [
            {
                "pointer": "/items",
                "code": "too_long",
                "message": f"the limit is {MAX_ITEMS:,} items per fan-out",
            }
        ]
        raise ValidationFailed(errors=rows)
    fan_out = await groups.read(context, FanOut, fan_out_id)
    context.app_state.memory.check(context.caller.namespace)
    template = await context.namespace.groups.item_payload(fan_out_id)
    reader = ItemReader(context, fan_out.name, template)
    items: list[Item] = []
    rejected: list[dict[str, Any]] = []
    slices = TimeSlices()
    for position, raw in enumerate(raw_items):
        await slices.pause()
        try:
            items.append(await reader.read(raw, position, body.start_index))
        except (ValidationFailed, PayloadInvalid, PayloadTooLarge) as error:
            problem = of_error(error, request.url.path, request.scope["state"]["request_id"])
            rejected.append({"index": body.start_index + position, "problem": problem})
    accepted = 0
    next_index, sealed = -1, fan_out.sealed
    for start in range(0, max(len(items), 1), ITEMS_PER_CALL):
        result = await context.namespace.fan_outs.add_items(fan_out_id, items[start : start + ITEMS_PER_CALL])
        accepted += result.added
        next_index, sealed = result.next_index, result.sealed
    if replicates(context, durability, (fan_out.queue,)):
        await confirm_items(context, fan_out_id, [item.index for item in items])
    return rendering.respond(
        {
            "accepted": accepted,
            "deduplicated": len(items) - accepted,
            "rejected": rejected,
            "next_index": next_index,
            "sealed": sealed,
        }
    )


@router.post(
    "/seal",
    name="seal_fan_out",
    **operation(
        "jobs:write",
        "Close a fan-out to new items",
        {200: ("The fan-out is sealed.", schemas.FanOutOut)},
        (404, 409, 415),
    ),
)
async def seal_fan_out(fan_out_id: FanOutId, body: schemas.SealIn, context: Context) -> Response:
    """Lets the fan-out finish. Fails, and says what is there, unless all `expected_count` items exist."""
    await groups.check_visible(context, fan_out_id)
    await context.namespace.fan_outs.seal(fan_out_id, body.expected_count)
    return respond(await groups.read(context, FanOut, fan_out_id))
