"""Commands are functions of the server; where it refuses functions, they are scripts."""

import asyncio
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from service.domain.job_spec import JobSpec
from service.store.jobs import Submission
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer
from service.store.redis.function_library import KEPT, PAUSE, Refusals, surplus
from tests.support.factories import new_id

pytestmark = pytest.mark.anyio


@pytest.fixture
def server(server_binary: Path, tmp_path: Path) -> Generator[EmbeddedServer]:
    """No other test loads or deletes its functions."""
    with EmbeddedServer(tmp_path / "server", server_binary) as server:
        yield server


def calls(redis: Any, command: str) -> int:
    return redis.info("commandstats").get(f"cmdstat_{command}", {}).get("calls", 0)


async def submit(url: str) -> str:
    store = Namespace(connect(url), "shop", 86_400_000)
    id = new_id()
    await store.jobs.submit_one(Submission(id, JobSpec(name="work")))
    await store.scripts.redis.aclose()
    return id


async def test_callers_of_a_new_server_load_the_functions_once(server: EmbeddedServer) -> None:
    store = Namespace(connect(server.url), "shop", 86_400_000)
    await asyncio.gather(*[store.jobs.cancel_one(new_id(), 0) for _ in range(20)], return_exceptions=True)
    await store.scripts.redis.aclose()
    with Redis.from_url(server.url) as redis:
        assert calls(redis, "function|load") == 1
        assert calls(redis, "evalsha") == 0


async def test_only_the_newest_libraries_are_kept(server: EmbeddedServer) -> None:
    with Redis.from_url(server.url) as redis:
        client: Any = redis
        client.function_load("#!lua name=other\nredis.register_function('other', function() return 1 end)")
        for second in range(1, 7):
            name = f"triage_{second:010d}_{second}"
            client.function_load(
                f"#!lua name={name}\nredis.register_function('f_{second}', function() return {second} end)"
            )
        await submit(server.url)
        names = sorted(entry[1].decode() for entry in client.function_list())
    assert names[0] == "other"
    assert len(names) == 1 + KEPT
    assert names[1:KEPT] == [f"triage_{second:010d}_{second}" for second in (4, 5, 6)]


async def test_a_process_without_the_right_to_load_sends_scripts(server: EmbeddedServer) -> None:
    with Redis.from_url(server.url) as redis:
        redis.execute_command("ACL", "SETUSER", "worker", *["on", "nopass", "~*", "&*", "+@all", "-function"])
        limited = server.url.replace("unix://", "unix://worker:any@")
        with pytest.raises(NoPermissionError), Redis.from_url(limited) as worker:
            worker.execute_command("FUNCTION", "LIST")
        await submit(limited)
        assert calls(redis, "fcall") == 1
        assert calls(redis, "eval") == 1
        await submit(server.url)
        await submit(limited)
        assert calls(redis, "eval") == 1


async def test_a_full_server_that_has_no_functions_still_frees_memory(server: EmbeddedServer) -> None:
    with Redis.from_url(server.url) as redis:
        id = await submit(server.url)
        redis.function_flush()
        redis.config_set("maxmemory", 1)
        store = Namespace(connect(server.url), "shop", 86_400_000)
        await store.jobs.cancel_one(id, 0)
        await store.scripts.redis.aclose()
        assert redis.function_list() == []
        assert redis.hget(f"{store.scripts.prefix}job:{id}", "state") == b"cancelled"


def test_a_refusal_holds_for_a_while() -> None:
    now = 100.0
    refusals = Refusals(lambda: now)
    assert not refusals.last
    refusals.note()
    assert refusals.last
    now += PAUSE
    assert not refusals.last


def test_names_of_libraries_are_read_in_both_protocols() -> None:
    flat = [[b"library_name", f"triage_{n}".encode(), b"engine", b"LUA"] for n in range(KEPT + 1)]
    maps = [{b"library_name": f"triage_{n}".encode(), b"engine": b"LUA"} for n in range(KEPT + 1)]
    assert surplus(flat) == surplus(maps) == ["triage_0"]
