"""Mistakes in the configuration: settings, Redis and ports."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from unittest import mock

import pytest

from service.api.main import build_server
from service.api.processes.listeners import listen
from service.domain.errors import BackendUnavailable, ConfigurationInvalid, TriageError
from service.settings import Settings, load_settings
from service.store.redis.connect import connect_blocking
from service.store.redis.embedded import EmbeddedServer
from service.store.redis.server_check import check_server
from tests.commands.conftest import run
from tests.e2e.processes import free_port
from workers.process.admin import Admin, start_admin


def _raise_nothing() -> None:
    return None


SETTINGS = [
    ("wrong TRIAGE_ variable", "TRIAGE_PORTT", "8080", "unknown setting; did you mean 'TRIAGE_PORT'?"),
    ("wrong TRIAGE_ variable", "TRIAGE_CONCURENCY", "5", "did you mean 'TRIAGE_CONCURRENCY'?"),
    ("TRIAGE_PORT=abc, =99999, bad level, auth", "TRIAGE_PORT", "abc", "must be a whole number"),
    ("TRIAGE_PORT=abc, =99999, bad level, auth", "TRIAGE_PORT", "99999", "must be at most 65535"),
    ("TRIAGE_PORT=abc, =99999, bad level, auth", "TRIAGE_LOG_LEVEL", "inf", "did you mean 'info'?"),
    ("TRIAGE_PORT=abc, =99999, bad level, auth", "TRIAGE_AUTH", "none", "must be 'required' or 'off'"),
    ("malformed Redis URL", "TRIAGE_REDIS_URL", "localhost:6379", "must begin with redis://"),
    ("malformed Redis URL", "TRIAGE_REDIS_URL", "redis://:pa/ss@h/0", "write / as %2F"),
    ("malformed Redis URL", "TRIAGE_REDIS_URL", "redis://h:port/0", "a port that is not a number"),
]


@pytest.mark.parametrize(("_title", "name", "value", "says"), SETTINGS)
def test_a_setting_is_named_with_what_it_may_be(_title: str, name: str, value: str, says: str) -> None:
    with mock.patch.dict(os.environ, {name: value}):
        ended = run(("check",), {})
    assert ended.code == 78
    (line,) = ended.err.splitlines()
    assert line.startswith(f"triage: {name}: ")
    assert says in line
    assert "pa/ss" not in line


@pytest.fixture
async def silent() -> AsyncIterator[int]:
    """The port of a server that accepts connections and never responds."""
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    done.set()
    server.close()


async def sentence(url: str) -> tuple[type[TriageError], str]:
    with pytest.raises(TriageError) as caught:
        await check_server(url, patient=False)
    return type(caught.value), caught.value.message


async def test_each_problem_of_redis_has_its_own_sentence(server: EmbeddedServer, silent: int) -> None:
    """Redis hangs; wrong password, away, bad host."""
    wrong_password = server.url.replace("unix://", "unix://nobody:hunter2@")
    problems = {
        wrong_password: (ConfigurationInvalid, "rejected the user name or password"),
        f"redis://127.0.0.1:{free_port()}": (BackendUnavailable, "refused the connection"),
        "redis://redis.invalid:6379": (ConfigurationInvalid, "Unknown host of Redis, redis.invalid:6379"),
        f"redis://127.0.0.1:{silent}": (BackendUnavailable, "did not respond in time"),
        "unix:///nowhere/redis.sock": (BackendUnavailable, "The socket /nowhere/redis.sock cannot be opened"),
    }
    found = {url: await sentence(url) for url in problems}
    for url, (kind, says) in problems.items():
        assert found[url][0] is kind
        assert says in found[url][1]
        assert found[url][1].startswith("TRIAGE_REDIS_URL: ")
        assert "hunter2" not in found[url][1]
    assert len({message for _, message in found.values()}) == len(problems)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another process listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture
def users(server: EmbeddedServer) -> Iterator[str]:
    """A URL for users with all rights but one, by name."""
    rights = {"keys": "~other:*", "scripts": "-eval", "channels": "resetchannels"}
    with connect_blocking(server.url) as redis:
        for name, right in rights.items():
            command = ["ACL", "SETUSER", f"without-{name}", "on", ">pw", "allchannels", "+@all"]
            redis.execute_command(*command, *([] if name == "keys" else ["~*"]), right)
        yield server.url.replace("unix://", "unix://without-{}:pw@")
        for name in rights:
            redis.execute_command("ACL", "DELUSER", f"without-{name}")


@pytest.mark.parametrize(
    ("name", "says"), [("keys", " key"), ("scripts", "'eval' command"), ("channels", " channel")]
)
async def test_a_user_that_lacks_a_right_is_refused_at_the_start(users: str, name: str, says: str) -> None:
    url = users.format(name)
    assert await check_server(url, patient=True) is None
    with pytest.raises(ConfigurationInvalid, match="lacks a permission") as caught:
        await check_server(url, patient=True, namespace="shop", access=True)
    assert says in caught.value.message
    ended = await asyncio.to_thread(run, ("check", "--connect"), {"TRIAGE_REDIS_URL": url})
    assert (ended.code, says in ended.err, ended.err.count("\n")) == (78, True, 1)


def test_processes_without_a_url_say_so() -> None:
    for words in (("worker",), ("api",), ("check", "--connect")):
        ended = run(words, {})
        assert (ended.code, ended.err) == (
            78,
            "triage: TRIAGE_REDIS_URL: required here; only `triage dev` starts an embedded server.\n",
        ), words


def test_an_address_that_this_machine_does_not_have_is_named_with_its_setting() -> None:
    for host in ("192.0.2.7", "no-such-host.invalid"):
        with pytest.raises(
            ConfigurationInvalid, match=f"TRIAGE_HOST: cannot listen on {host}:8080: this machine"
        ):
            listen(host, 8080, 2)


async def test_a_port_in_use_is_named_with_its_setting(taken: int, redis_url: str) -> None:
    """port in use."""
    settings = Settings(redis_url=redis_url, auth="off", host="127.0.0.1", port=taken)
    api = build_server(settings)
    with pytest.raises(ConfigurationInvalid) as of_api:
        await api.serve()
    admin = Admin(_raise_nothing, _raise_nothing, _raise_nothing, mock.Mock())  # type: ignore[arg-type]
    with pytest.raises(ConfigurationInvalid) as of_worker:
        await start_admin(admin, "127.0.0.1", taken)
    for error, name in ((of_api, "TRIAGE_PORT"), (of_worker, "TRIAGE_WORKER_PORT")):
        assert error.value.message == (
            f"{name}: cannot listen on 127.0.0.1:{taken}: another process listens there;"
            f" stop it, or set {name} to a free port."
        )


def test_modules_of_the_current_folder_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """module in the current folder."""
    (tmp_path / "near_jobs.py").write_text("async def near_work(ctx): ...\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("/nowhere")  # restores the import path
    ended = run(("check",), {"TRIAGE_HANDLERS": "near_jobs"})
    assert (ended.code, ended.err) == (0, "")
    ended = run(("check",), {"TRIAGE_HANDLERS": "near_job"})
    assert (ended.code, ended.err) == (
        78,
        "triage: TRIAGE_HANDLERS: there is no module 'near_job' in the current folder "
        f"({tmp_path}) or on PYTHONPATH; did you mean 'near_jobs'?\n",
    )


def test_several_mistakes_are_reported_together() -> None:
    with (
        mock.patch.dict(os.environ, {"TRIAGE_PORT": "x", "TRIAGE_QUEUE": "a"}),
        pytest.raises(ConfigurationInvalid) as caught,
    ):
        load_settings()
    assert [line.partition(":")[0] for line in caught.value.message.splitlines()] == [
        "TRIAGE_QUEUE",
        "TRIAGE_PORT",
    ]
