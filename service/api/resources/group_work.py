"""Carries on work on flows and fan-outs that a request began."""

import asyncio
import contextlib

from service.api.context import RequestContext
from service.domain.errors import StoreFault

#: Seconds that the answer to an action waits for its effect; larger ones go on behind it.
ANSWER_WITHIN = 1.0


async def carry_on(context: RequestContext) -> None:
    """Do what the request just asked for; what takes long is left to the duty."""
    work = asyncio.ensure_future(context.stores.group_tasks.work())
    done, _ = await asyncio.wait({work}, timeout=ANSWER_WITHIN)
    if not done:
        context.app_state.background.add(work)
        work.add_done_callback(context.app_state.background.discard)
        return
    # What was asked for is recorded; a task that Redis refuses, perhaps another's, is logged by the duty.
    with contextlib.suppress(StoreFault):
        work.result()
