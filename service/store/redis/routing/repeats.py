"""Repeats calls that a server refused because it is not, or not yet, the master for their keys."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.exceptions import MovedError, RedisError, TryAgainError

from service.domain.errors import OutcomeUnknown
from service.store.redis.errors import is_transient, translate
from service.store.redis.routing.doubts import is_moving
from service.store.redis.routing.pools import Demoted

Reply = TypeVar("Reply")

#: How often a call follows its keys to another master.
REDIRECTIONS = 3
#: How long a call waits for a new master, or for the end of its slot's move, and the pauses, in seconds. Most
#: slots are small, and the API responds within two seconds.
MOVING_SECONDS, FIRST_PAUSE, LAST_PAUSE = 0.7, 0.01, 0.1


async def repeat(send: Callable[[], Awaitable[Reply]], error: BaseException, *, wrote: bool) -> Reply:
    """The reply to a call whose first attempt has failed with `error`. `wrote`: it may write.

    Safe for calls that may be sent twice: one whose connection broke is repeated once, at once.

    Raises BackendUnavailable (nothing was applied), OutcomeUnknown (it may have been), StorageFull.
    """
    broken, redirections, pause, waited = False, 0, FIRST_PAUSE, 0.0
    while True:
        if is_transient(error) and not broken:
            broken = True
        elif isinstance(error, MovedError) and redirections < REDIRECTIONS:
            redirections += 1
        elif (is_moving(error) or isinstance(error, Demoted | TryAgainError)) and waited < MOVING_SECONDS:
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(2 * pause, LAST_PAUSE)
        elif broken and wrote:
            # Even if Redis refused the last call, it may have applied the first.
            raise OutcomeUnknown() from error
        else:
            raise translate(error, wrote=wrote) from error
        try:
            return await send()
        except (TimeoutError, RedisError, OSError) as caught:
            error = caught
