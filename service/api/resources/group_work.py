"""Runs the group tasks that a request has created."""

import asyncio
import contextlib

from service.api.context import RequestContext
from service.domain.errors import StoreFault

#: How long the response to an action waits for its effect, in seconds; large ones continue afterwards.
EFFECT_SECONDS = 1.0


async def carry_on(context: RequestContext) -> None:
    """Work on pending tasks for a moment, and then in the background."""
    work = asyncio.ensure_future(context.namespace.group_tasks.work())
    done, _ = await asyncio.wait({work}, timeout=EFFECT_SECONDS)
    if not done:
        context.app_state.background.add(work)
        work.add_done_callback(context.app_state.background.discard)
        return
    # The request's task is stored. Redis may have refused any pending task; the background duty logs that.
    with contextlib.suppress(StoreFault):
        work.result()
