"""Handlers that fail loudly with a secret in their hands."""

import asyncio
from typing import Any

from workers.handler import NonRetryable, job

_kept: set[asyncio.Task[None]] = set()


class Opaque:
    """Not JSON, and its repr() contains the secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return f"Opaque({self._secret})"


async def _break(secret: str) -> None:
    raise RuntimeError(secret)


@job
async def canary(ctx: Any, do: str, secret: str, number: int = 0) -> Any:
    """Fail in every way that could get the secret logged."""
    match do:
        case "return":
            return {"secret": secret}
        case "raise":
            raise ValueError(secret)
        case "give_up":
            raise NonRetryable(secret)
        case "unserialisable":
            return Opaque(secret)
        case "background":
            task = asyncio.create_task(_break(secret), name=secret)
            _kept.add(task)
            # The task's exception is never retrieved, so asyncio logs it when the task is collected.
            task.add_done_callback(_kept.discard)
            del task
        case "callback":
            asyncio.get_running_loop().call_soon(lambda: 1 / int(secret))
        case _:
            raise AssertionError(do)
    return None


@job(executor="process")
def canary_process(ctx: Any, secret: str) -> Any:
    raise ValueError(secret)


@job
def canary_thread(ctx: Any, secret: str) -> Any:
    raise ValueError(secret)
