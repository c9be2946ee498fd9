"""The durability of a submission: stored by the master of Redis, or also by a replica."""

from collections.abc import Iterable, Sequence

from service.api.context import RequestContext
from service.api.schemas.parts.parameters import Durability
from service.domain.errors import NotReplicated
from service.domain.fan_out import FanOut

_NAMES = {"job": "job_id", "flow": "flow_id", "fan": "fan_out_id"}


def replicates(context: RequestContext, header: Durability, queues: Iterable[str]) -> bool:
    """Whether the request, the default of one of its queues, or the installation asks for a replica."""
    if header is not None:
        return header == "replicated"
    defaults = context.namespace_state.types.queue_defaults
    otherwise = context.app_state.settings.durability
    return any(defaults.get(queue, {}).get("durability", otherwise) == "replicated" for queue in queues)


async def confirm(context: RequestContext, ids: Sequence[str]) -> None:
    """Return when a replica has these jobs and groups; raises NotReplicated, which names the first."""
    seconds = context.app_state.settings.replication_seconds
    metrics, namespace = context.app_state.metrics.http, context.namespace.scripts.namespace
    try:
        await context.namespace.replication.confirm(ids, seconds)
        metrics.replicated(namespace, "replicated")
    except NotReplicated as error:
        metrics.replicated(namespace, "not_replicated")
        raise NotReplicated(error.message, **{_NAMES[ids[0].partition("_")[0]]: ids[0]}) from None


async def confirm_fan_out(context: RequestContext, id: str, *, sealed: bool, items: int) -> None:
    """Return when a replica has the fan-out with its items; raises NotReplicated."""
    await confirm(context, [id])
    # A failover may have lost items after the creation. Items that exist now existed at the confirmation.
    if not sealed:
        return await confirm_items(context, id, range(items))
    found = await context.namespace.groups.find(FanOut, id)
    if found is None or found.state == "open":
        raise NotReplicated(fan_out_id=id)


async def confirm_items(context: RequestContext, id: str, indexes: Sequence[int]) -> None:
    """Return when a replica has these items of the fan-out; raises NotReplicated."""
    await confirm(context, [id])
    if not await context.namespace.fan_outs.has_items(id, indexes):
        raise NotReplicated(fan_out_id=id)
