"""Groups of dead letters by what their errors say, as far as the caller may see it."""

from collections.abc import Sequence

from service.api.context import RequestContext
from service.domain.dead_letter_group import DeadLetterGroup
from service.domain.job import Job
from service.domain.job_filter import TextSearch
from service.domain.states import State


async def messages(context: RequestContext, groups: Sequence[DeadLetterGroup]) -> list[str | None]:
    """The messages as this caller may see them, because a message may quote a payload."""
    jobs = await context.namespace.queries.outlines([group.example_id for group in groups]) if groups else []
    return [_message(context, group, job) for group, job in zip(groups, jobs, strict=True)]


def _message(context: RequestContext, group: DeadLetterGroup, example: Job | None) -> str | None:
    if group.message is None:
        return None
    return context.view_of_type(group.name or "", None if example is None else example.redact).text(
        group.message
    )


async def mentioning(
    context: RequestContext, groups: Sequence[DeadLetterGroup], text: str
) -> list[DeadLetterGroup]:
    """Those whose message, error type, reason or job type contains the text."""
    words = text.casefold()
    shown = zip(groups, await messages(context, groups), strict=True)
    return [group for group, message in shown if _mentions(group, message, words)]


def _mentions(group: DeadLetterGroup, message: str | None, words: str) -> bool:
    error = ": ".join(text for text in (group.error_type, message) if text is not None)
    return any(words in text.casefold() for text in (group.name, error, group.reason) if text is not None)


async def text_search(context: RequestContext, text: str | None, state: State | None) -> TextSearch | None:
    """What to look for in a list of jobs; only dead ones have a cause."""
    if text is None:
        return None
    if state not in (None, State.DEAD):
        return TextSearch(text)
    groups = await context.namespace.dead_letter_groups.all()
    found = await mentioning(context, groups, text)
    return TextSearch(text, frozenset(group.fingerprint for group in found))
