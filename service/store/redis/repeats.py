"""Repeats calls that a server refused because it is not, or not yet, the master for their keys."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.exceptions import MovedError, ReadOnlyError, RedisError, TryAgainError

from service.domain.errors import OutcomeUnknown
from service.store.redis.errors import is_transient, translate
from service.store.redis.routing.doubts import is_moving

Reply = TypeVar("Reply")

#: How often a call follows its keys to another master.
REDIRECTIONS = 3
#: How long a call waits while its slot is moved to another server, and its pauses, in seconds. Most slots are
#: small, and the API responds within two seconds.
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
        elif isinstance(error, MovedError | ReadOnlyError) and redirections < REDIRECTIONS:
            redirections += 1
        elif (is_moving(error) or isinstance(error, TryAgainError)) and waited < MOVING_SECONDS:
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
