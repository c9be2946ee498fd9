"""Tells a client that no live worker knows the type of a job that it submits: usually a misspelt name."""

from collections.abc import Iterable, Mapping

from service.api.context import RequestContext
from service.api.responses.errors import UnknownJobType

WARNING = "Triage-Warning"
#: The most names in a warning.
_MOST_NAMES = 3


def warning_of(context: RequestContext, names: Iterable[str]) -> Mapping[str, str]:
    """The header for a response to a submission of jobs with these `names`; empty if workers know all."""
    types = context.namespace_state.types
    texts = [types.unknown(name) for name in sorted({name for name in names if types.known(name) is None})]
    if not texts:
        return {}
    more = f"; {len(texts) - _MOST_NAMES} more" if len(texts) > _MOST_NAMES else ""
    return {WARNING: "; ".join(texts[:_MOST_NAMES]) + more}


async def refuse_unknown(context: RequestContext, name: str, pointer: str) -> None:
    """Raises UnknownJobType if workers are alive and none of them knows the type.

    Without live workers the job is accepted: they may be starting. With `refuse_similar`, so is a name that
    resembles none of the known ones: its handler may still have to be written.
    """
    types = context.namespace_state.types
    if await types.find(name) is not None or not types.has_live_workers:
        return
    if context.app_state.settings.unknown_types == "refuse" or types.resembles(name):
        row = {"pointer": pointer, "code": UnknownJobType.code, "message": types.unknown(name)}
        raise UnknownJobType(errors=[row])
