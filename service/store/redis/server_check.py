"""Checks whether Triage can use a Redis server, and explains in one sentence why not."""

import os
import socket
import ssl
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    BusyLoadingError,
    InvalidResponse,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeout

from service.domain.errors import BackendUnavailable, ConfigurationInvalid
from service.environment import sentence as with_full_stop
from service.redis_url import address_of, kind_of
from service.store.redis.connect import connect, each_master
from service.store.redis.rights import try_rights
from service.store.redis.routing.layout import Layout, MasterDown, MasterUnknown

#: The scripts need flags and functions of Redis 7.0.
OLDEST = 7

#: Errors whose text comes from the operating system.
_NAMED = (ConnectionRefusedError, FileNotFoundError, PermissionError)

#: `unknown_host`: a mistake, or a name that does not exist yet. `eviction`: can be fixed without a restart.
Kind = Literal["configuration", "unknown_host", "eviction", "unavailable"]


log = structlog.get_logger("triage.redis")


@dataclass(frozen=True, slots=True)
class ServerProblem:
    """`sentence` has the host and the server's message; `summary` does not, because probes are public."""

    kind: Kind
    summary: str
    sentence: str


async def find_problem(redis: Redis, url: str) -> ServerProblem | None:
    """None when Triage can use the server, or each master of a cluster that responds."""
    found: ServerProblem | None = None
    try:
        clients = await each_master(redis)
    except (RedisError, OSError) as error:
        return diagnose(error, url)
    reached = False
    for address, client in clients:
        problem = await _find_problem(client, url, address or address_of(url))
        if problem is not None and problem.kind != "unavailable":
            return problem
        # While one master is down, the namespaces of the others can be served.
        reached = reached or problem is None
        found = found or problem
    return None if reached else found


async def _find_problem(redis: Redis, url: str, address: str) -> ServerProblem | None:
    try:
        server, memory, role = [await _info(redis, name) for name in ("server", "memory", "replication")]
    except (RedisError, OSError) as error:
        return diagnose(error, url)
    # The name of the field differs between Redis and Valkey.
    mode = server.get("redis_mode") or server.get("server_mode")
    if mode == "sentinel":
        return ServerProblem(
            "configuration",
            "is a Sentinel",
            f"The server at {address} is a Sentinel: use redis+sentinel://HOST:26379,HOST:26379/MASTER/0",
        )
    if mode == "cluster" and kind_of(url) == "server" and await _is_one_of_many(redis):
        return ServerProblem(
            "configuration",
            "is one of several masters of a cluster",
            f"Redis at {address} is one of several masters of a cluster: use redis+cluster://",
        )
    version, policy = str(server.get("redis_version", OLDEST)), memory.get("maxmemory_policy", "noeviction")
    if not server or "maxmemory_policy" not in memory:
        _note_hidden(address)
    if int(version.partition(".")[0] or 0) < OLDEST:
        return ServerProblem(
            "configuration",
            f"version {version} is too old",
            f"Redis at {address} is version {version}; Triage needs Redis {OLDEST}.0 or newer, or Valkey",
        )
    if role.get("role") == "slave":
        # It may become the master, for example behind a name that a failover moves.
        return ServerProblem(
            "unavailable",
            "is a read-only replica",
            f"Redis at {address} is a read-only replica: name its master, or use redis+sentinel://",
        )
    if policy != "noeviction":
        return ServerProblem(
            "eviction",
            f"maxmemory-policy is {policy} and must be noeviction",
            f"Redis at {address} has maxmemory-policy {policy}, which may delete jobs; set it to noeviction",
        )
    return None


async def _info(redis: Redis, section: str) -> dict[str, Any]:
    """Empty if the server hides it, as some managed services do."""
    try:
        return await cast(Any, redis).info(section)
    except ResponseError as error:
        if isinstance(error, (AuthenticationError, NoPermissionError)) or "unknown" not in str(error).lower():
            raise
        return {}


async def _is_one_of_many(redis: Redis) -> bool:
    """An ordinary client can use a cluster of one master, as some managed services are."""
    try:
        rows = await cast(Any, redis).execute_command("CLUSTER SLOTS")
    except (RedisError, OSError):
        return False
    return len(Layout.of_slots(rows, ("", 0)).masters) > 1


@cache
def _note_hidden(address: str) -> None:
    log.warning(
        "redis_not_checked",
        address=address,
        hint="the server does not show its version or maxmemory-policy: see to it that it is Redis 7.0 or "
        "newer with the policy noeviction",
    )


def diagnose(error: BaseException, url: str) -> ServerProblem:
    """The problem behind an error of the first call. No error message contains the password."""
    # redis-py wraps connection errors and some error replies in one type.
    for cause in _causes(error):
        if (found := _of_reply(cause, url) or _of_connection(cause, url)) is not None:
            return found
    hint = "; does it require TLS (rediss://)?" if url.startswith("redis:") else ""
    return ServerProblem(
        "unavailable",
        "cannot be reached",
        f"Redis at {address_of(url)} cannot be reached: {_word(error)}{hint}",
    )


def _of_reply(error: BaseException, url: str) -> ServerProblem | None:
    address, word = address_of(url), _word(error)
    match error:
        case AuthenticationError() | AuthenticationWrongNumberOfArgsError():
            summary = "rejected the credentials"
            sentence = f"Redis at {address} rejected the user name or password: {word}"
        case NoPermissionError():
            summary = "its user lacks a permission"
            sentence = f"The user of Redis at {address} lacks a permission: {word}"
        case MasterUnknown():
            summary, sentence = (
                "its master is unknown",
                f"The Sentinels know no master of that name: {address}",
            )
            return ServerProblem("unknown_host", summary, sentence)
        case MasterDown():
            return ServerProblem("unavailable", "its master is down", f"The master is down: {address}")
        case ResponseError() if "'SENTINEL'" in word:
            summary, sentence = "is not a Sentinel", f"The server at {address} is not a Sentinel"
        case ResponseError() if "cluster support disabled" in word:
            summary = "is not in cluster mode"
            sentence = f"Redis at {address} is not in cluster mode: use redis:// or redis+sentinel://"
        case InvalidResponse():
            summary, sentence = "is not Redis", f"The server at {address} is not Redis: {word}"
        case BusyLoadingError():
            return ServerProblem("unavailable", "is loading its data", f"Redis at {address}: {word}")
        case ResponseError():
            summary, sentence = "rejected a command", f"Redis at {address} rejected a command: {word}"
        case _:
            return None
    return ServerProblem("configuration", summary, sentence)


def _of_connection(error: BaseException, url: str) -> ServerProblem | None:
    address, word = address_of(url), _word(error)
    match error:
        case socket.gaierror():
            sentence = f"Unknown host of Redis, {address}: {word}"
            return ServerProblem("unknown_host", "its host is unknown", sentence)
        case ssl.SSLError():
            return ServerProblem("configuration", "TLS failed", f"TLS with Redis at {address} failed: {word}")
        case ConnectionRefusedError():
            summary = "refused the connection"
            sentence = f"Redis at {address} refused the connection: {word}"
        case FileNotFoundError() | PermissionError():
            summary = "its socket cannot be opened"
            sentence = f"The socket {address} cannot be opened: {word}"
        case RedisTimeout() | TimeoutError():
            hint = "; does it speak TLS?" if url.startswith("rediss:") else ""
            summary, sentence = "did not respond", f"Redis at {address} did not respond in time{hint}"
        case _:
            return None
    return ServerProblem("unavailable", summary, sentence)


def _causes(error: BaseException) -> list[BaseException]:
    """The innermost first."""
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found[::-1]


def _word(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        # asyncio replaces the system's message with its own.
        text = os.strerror(error.errno or 0) if type(error) in _NAMED else error.strerror
    return " ".join(text.split()).rstrip(".") or type(error).__name__


async def check_server(url: str, *, patient: bool, namespace: str = "", access: bool = False) -> str | None:
    """Raises ConfigurationInvalid for a problem that a person must fix, else BackendUnavailable.

    `patient`, for a process that waits for its Redis: returns a problem that may pass instead.
    `namespace`: also try whether the user may use its keys, and with `access` the records of API keys.
    """
    redis = connect(url)
    try:
        problem = await find_problem(redis, url)
        if problem is None and namespace:
            await try_rights(redis, namespace, access=access)
    except (RedisError, OSError) as error:
        problem = diagnose(error, url)
    finally:
        await redis.aclose()
    if problem is None:
        return None
    if problem.kind == "configuration" or (problem.kind != "unavailable" and not patient):
        raise ConfigurationInvalid(with_full_stop(f"TRIAGE_REDIS_URL: {problem.sentence}"))
    if not patient:
        raise BackendUnavailable(with_full_stop(f"TRIAGE_REDIS_URL: {problem.sentence}"))
    return problem.sentence
