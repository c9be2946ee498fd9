"""Runs a command directly on Redis, where `triage keys` and `triage namespaces` need no API key."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from service.domain.errors import BackendUnavailable, ConfigurationInvalid, TriageError
from service.settings import load_settings
from service.store.redis.connect import RedisClient, connect
from service.store.redis.embedded import EmbeddedServer
from service.store.redis.server_check import check_server
from service.telemetry.logs import warnings_to_stderr

Result = TypeVar("Result")


def has_redis() -> bool:
    """Whether TRIAGE_REDIS_URL is set, or `triage dev` runs in this directory."""
    settings = load_settings()
    return bool(settings.redis_url) or _is_there(EmbeddedServer(settings.data_dir).url)


def _is_there(url: str) -> bool:
    return Path(url.removeprefix("unix://")).exists()


def with_redis(
    use: Callable[[RedisClient], Awaitable[Result]], expected: tuple[type[TriageError], ...]
) -> Result:
    """Raises ConfigurationInvalid, BackendUnavailable, and the `expected` errors of `use`."""
    warnings_to_stderr()
    settings = load_settings()
    url = settings.redis_url or EmbeddedServer(settings.data_dir).url

    async def run() -> Result:
        redis = connect(url)
        try:
            return await use(redis)
        finally:
            await redis.aclose()

    if not settings.redis_url and not _is_there(url):
        raise ConfigurationInvalid(
            "TRIAGE_REDIS_URL: required here, unless `triage dev` is running in this directory."
        )
    asyncio.run(check_server(url, patient=False))
    try:
        return asyncio.run(run())
    except expected:
        raise
    except TriageError as error:
        raise BackendUnavailable(f"TRIAGE_REDIS_URL: {error.message}") from error
