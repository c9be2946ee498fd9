"""Problems with a Redis server or the connection to it: one sentence for each, and no secret in any."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from service.domain.errors import BackendUnavailable, ConfigurationInvalid
from service.store.redis.connect import connect, connect_blocking
from service.store.redis.embedded import EmbeddedServer
from service.store.redis.server_check import ServerProblem, check_server, find_problem
from service.store.redis.server_info import eviction_policy, fewest_replicas
from tests.e2e.processes import free_port
from tests.support.certificates import write_certificate


@pytest.fixture(scope="module")
def port(server_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server with a password, and a user with few rights, on a port."""
    port = free_port()
    with EmbeddedServer(tmp_path_factory.mktemp("server"), server_binary, ("--port", str(port))) as server:
        with connect_blocking(server.url) as redis:
            redis.acl_setuser("few", enabled=True, passwords=["+s3cret-few"], commands=["+ping"])
            redis.config_set("requirepass", "s3cret")
        yield port


async def problem_of(url: str) -> ServerProblem | None:
    redis = connect(url)
    try:
        return await find_problem(redis, url)
    finally:
        await redis.aclose()


async def test_a_good_server_has_no_problem(redis_url: str) -> None:
    assert await problem_of(redis_url) is None
    assert await check_server(redis_url, patient=False) is None


async def test_credentials(port: int) -> None:
    for url in (
        f"redis://:wr0ng@127.0.0.1:{port}",
        f"redis://few:wr0ng@127.0.0.1:{port}",
        f"redis://nobody:wr0ng@127.0.0.1:{port}",
        f"redis://127.0.0.1:{port}",
    ):
        found = await problem_of(url)
        assert found is not None
        assert found.kind == "configuration"
        assert found.sentence.startswith(f"Redis at 127.0.0.1:{port} rejected the user name or password: ")
        assert "wr0ng" not in found.sentence
        with pytest.raises(ConfigurationInvalid, match="TRIAGE_REDIS_URL: Redis at"):
            await check_server(url, patient=True)


async def test_a_password_for_a_server_that_has_none(redis_url: str) -> None:
    found = await problem_of(redis_url.replace("unix://", "unix://:wr0ng@"))
    assert found is not None
    assert (found.kind, found.summary) == ("configuration", "rejected the credentials")
    assert "without any password configured" in found.sentence


async def test_a_user_that_may_do_too_little(port: int) -> None:
    found = await problem_of(f"redis://few:s3cret-few@127.0.0.1:{port}")
    assert found is not None
    assert (found.kind, found.summary) == ("configuration", "its user lacks a permission")
    assert "s3cret" not in found.sentence


async def test_a_replica(port: int, server_binary: Path, tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path, server_binary, ("--replicaof", "127.0.0.1", str(port))) as replica:
        found = await problem_of(replica.url)
    assert found is not None
    # It may become the master.
    assert (found.kind, found.summary) == ("unavailable", "is a read-only replica")


async def test_a_database_that_is_not_there(port: int) -> None:
    found = await problem_of(f"redis://:s3cret@127.0.0.1:{port}/4711")
    assert found is not None
    assert found.kind == "configuration"
    assert found.sentence == f"Redis at 127.0.0.1:{port} rejected a command: DB index is out of range"


async def test_a_closed_port() -> None:
    port = free_port()
    url = f"redis://:s3cret@127.0.0.1:{port}"
    found = await problem_of(url)
    assert found is not None
    assert (found.kind, found.summary) == ("unavailable", "refused the connection")
    assert found.sentence.startswith(f"Redis at 127.0.0.1:{port} refused the connection: ")
    assert await check_server(url, patient=True) == found.sentence
    with pytest.raises(BackendUnavailable, match="refused the connection"):
        await check_server(url, patient=False)


async def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    found = await problem_of(f"unix://{tmp_path}/none.sock")
    assert found is not None
    assert (found.kind, found.sentence) == (
        "unavailable",
        f"The socket {tmp_path}/none.sock cannot be opened: No such file or directory",
    )


async def test_an_unknown_host() -> None:
    url = "redis://:s3cret@redis.invalid:6379"
    found = await problem_of(url)
    assert found is not None
    assert (found.kind, found.summary) == ("unknown_host", "its host is unknown")
    assert found.sentence.startswith("Unknown host of Redis, redis.invalid:6379: ")
    # A waiting process treats it as a name that may yet appear, a command treats it as a mistake.
    assert await check_server(url, patient=True) == found.sentence
    with pytest.raises(ConfigurationInvalid):
        await check_server(url, patient=False)


async def test_a_server_that_does_not_respond() -> None:
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        port = frozen.getsockname()[1]
        for scheme, hint in (("redis", ""), ("rediss", "; does it speak TLS?")):
            found = await problem_of(f"{scheme}://127.0.0.1:{port}")
            assert found is not None
            assert found.kind == "unavailable"
            assert found.sentence == f"Redis at 127.0.0.1:{port} did not respond in time{hint}"


@contextlib.asynccontextmanager
async def listening(response: bytes, tls: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
    """Sends the same reply to every client, and hangs up."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(response)
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_server_that_is_not_redis() -> None:
    async with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        found = await problem_of(f"redis://127.0.0.1:{port}")
    assert found is not None
    assert found.kind == "configuration"
    assert found.sentence.startswith(f"The server at 127.0.0.1:{port} is not Redis: ")


async def test_a_server_that_hangs_up() -> None:
    async with listening(b"") as port:
        found = await problem_of(f"redis://127.0.0.1:{port}")
    assert found is not None
    assert (found.kind, found.summary) == ("unavailable", "cannot be reached")
    assert found.sentence.endswith("; does it require TLS (rediss://)?")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls"))


async def test_tls(certificate: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    async with listening(b"", tls) as port:
        found = await problem_of(f"rediss://127.0.0.1:{port}")
    assert found is not None
    assert (found.kind, found.summary) == ("configuration", "TLS failed")
    assert found.sentence.startswith(f"TLS with Redis at 127.0.0.1:{port} failed: ")
    assert "self-signed certificate" in found.sentence


async def test_tls_with_a_port_that_does_not_speak_it() -> None:
    async with listening(b"-ERR unknown command\r\n") as port:
        found = await problem_of(f"rediss://127.0.0.1:{port}")
    assert found is not None
    assert (found.kind, found.summary) == ("configuration", "TLS failed")


async def test_a_redis_older_than_7(redis_url: str) -> None:
    """A real server, behind a proxy that changes the version in its replies."""
    path = redis_url.removeprefix("unix://")

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(path)

        async def forward() -> None:
            while data := await reader.read(65_536):
                back.write(data)
            back.close()

        forwarding = asyncio.ensure_future(forward())
        while data := await there.read(65_536):
            writer.write(data.replace(b"redis_version:7", b"redis_version:6"))
        await forwarding
        writer.close()

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await problem_of(f"redis://127.0.0.1:{port}")
    assert found is not None
    assert found.kind == "configuration"
    assert found.sentence.startswith(f"Redis at 127.0.0.1:{port} is version 6.")
    assert found.sentence.endswith("; Triage needs Redis 7.0 or newer, or Valkey")


async def test_a_managed_server_that_shows_nothing(
    server_binary: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [word for name in ("INFO", "CONFIG") for word in ("--rename-command", name, "")]
    with EmbeddedServer(tmp_path / "data", server_binary, options) as server:
        assert await problem_of(server.url) is None
        redis = connect(server.url)
        assert (await eviction_policy(redis), await fewest_replicas(redis)) == (None, None)
        await redis.aclose()
        assert await check_server(server.url, patient=False) is None
    # To either stream: a command that ran before may have configured the logs of this process.
    assert "".join(capsys.readouterr()).count("redis_not_checked") == 1


async def test_a_server_that_may_evict_jobs(server_binary: Path, tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path / "data", server_binary, ("--maxmemory-policy", "allkeys-lru")) as server:
        found = await problem_of(server.url)
        assert found is not None
        assert (found.kind, found.summary) == (
            "eviction",
            "maxmemory-policy is allkeys-lru and must be noeviction",
        )
        # The setting can change while the server runs.
        assert await check_server(server.url, patient=True) == found.sentence
