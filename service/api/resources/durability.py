"""The durability of a submission: stored by the master of Redis, or also by a replica."""

from collections.abc import Iterable, Sequence

from service.api.context import RequestContext
from service.api.schemas.parts.parameters import Durability
from service.domain.errors import NotReplicated

_NAMES = {"job": "job_id", "flow": "flow_id", "fan": "fan_out_id"}


def replicates(context: RequestContext, header: Durability, queues: Iterable[str]) -> bool:
    """Whether the request, or the default of one of its queues, asks for a replica."""
    if header is not None:
        return header == "replicated"
    defaults = context.namespace_state.types.queue_defaults
    return any(defaults.get(queue, {}).get("durability") == "replicated" for queue in queues)


async def confirm(context: RequestContext, ids: Sequence[str]) -> None:
    """Return when a replica has these jobs and groups; raises NotReplicated, which names the first."""
    seconds = context.app_state.settings.replication_seconds
    try:
        await context.namespace.replication.confirm(ids, seconds)
    except NotReplicated as error:
        raise NotReplicated(error.message, **{_NAMES[ids[0].partition("_")[0]]: ids[0]}) from None
