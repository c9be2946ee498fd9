"""Counts what clients send to a server."""

import contextlib
import secrets
from collections.abc import AsyncGenerator
from typing import Any


@contextlib.asynccontextmanager
async def sent_commands(redis: Any) -> AsyncGenerator[list[str]]:
    """The commands that clients send within the block, complete after it, without those in scripts."""
    sent: list[str] = []
    end = secrets.token_hex(8)
    async with redis.monitor() as monitor:
        yield sent
        await redis.echo(end)
        async for command in monitor.listen():
            if end in command["command"]:
                return
            # New connections introduce themselves.
            if command["client_type"] != "lua" and not command["command"].startswith("CLIENT "):
                sent.append(command["command"])
