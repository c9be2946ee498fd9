"""A command that gets any unexpected response prints one sentence and exits with 1, never a traceback."""

from pathlib import Path

import pytest

from tests.commands.conftest import run
from tests.e2e.processes import free_port

JOB = "job_01M8GAG74ZBHD7VNZ3MVGAAV40"
#: It ignores the body of the response.
DELETE = ("dlq", "delete", JOB)
COMMANDS = [
    ("queues",),
    ("schedules",),
    ("get", JOB),
    ("get", JOB, "--explain"),
    ("tail", JOB),
    ("submit", "sync-data"),
    ("submit", "sync-data", "--wait", "0.2"),
    ("graph", "flow_01M8GAG74ZBHD7VNZ3MVGAAV40"),
    ("graph", "flow_01M8GAG74ZBHD7VNZ3MVGAAV40", "--json"),
    ("dlq", "list"),
    DELETE,
    ("dlq", "retry", JOB),
    ("dlq", "retry", "--queue", "default"),
    ("bench", "--jobs", "1"),
]


def complain(code: int, out: str, err: str) -> str:
    """The one line of a command that failed; a hint may follow."""
    assert (code, out) == (1, ""), (code, out, err)
    # A progress bar ends its line.
    line = err.strip()
    assert line.startswith("triage: "), err
    line, *hints = line.splitlines()
    assert len(hints) < 2, err
    assert all(hint.startswith("  ") for hint in hints), err
    return line


ANSWERS = ("502", "html", "bare", "empty", "list", "other", "rows", "fastapi", "worker", "login", "gzip")
#: Every command with a response of each kind, and one command with all.
PAIRS = [
    *((command, response) for command in COMMANDS for response in ("html", "fastapi", "other")),
    *((("queues",), response) for response in ANSWERS),
]


@pytest.mark.parametrize(("command", "response"), [pair for pair in PAIRS if pair != (DELETE, "other")])
def test_a_server_that_is_not_triage_is_reported_in_one_sentence(
    odd_url: str, command: tuple[str, ...], response: str
) -> None:
    ended = run(command, {"TRIAGE_URL": f"{odd_url}/{response}"})
    line = complain(ended.code, ended.out, ended.err)
    assert f"{odd_url}/{response}/" in line or response == "gzip"
    said = {
        "502": "502 Bad Gateway",
        "login": "302 Found to https://sso.example/login",
        "worker": "that is the port of a worker",
    }
    assert said.get(response, "") in line


@pytest.mark.parametrize("command", [("flow", "{file}"), ("fan-out", "work", "--items", "{file}")])
@pytest.mark.parametrize("response", ["html", "other", "fastapi", "login"])
def test_commands_with_a_file_as_well(
    odd_url: str, command: tuple[str, ...], response: str, tmp_path: Path
) -> None:
    file = tmp_path / "file.json"
    file.write_text("{}\n")
    ended = run(tuple(part.format(file=file) for part in command), {"TRIAGE_URL": f"{odd_url}/{response}"})
    complain(ended.code, ended.out, ended.err)


def test_a_response_cannot_control_the_terminal(odd_url: str) -> None:
    ended = run(("queues",), {"TRIAGE_URL": f"{odd_url}/escape"})
    assert complain(ended.code, ended.out, ended.err) == "triage: 400 x: a [2Jb c"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("triage.example", "write http://triage.example"),
        ("ftp://triage.example", "write http://HOST:PORT"),
        ("http://", "write http://HOST:PORT"),
        ("http://127.0.0.1:abc", "is not a URL"),
        ("http://triage.example/v1", "write http://triage.example"),
        ("http://127.0.0.1:{closed}", "cannot be reached"),
        ("http://me:secret@127.0.0.1:{closed}", "http://127.0.0.1"),
    ],
)
def test_an_invalid_or_closed_address(url: str, said: str) -> None:
    for command in (("queues",), ("bench", "--jobs", "1")):
        ended = run(command, {"TRIAGE_URL": url.format(closed=free_port())})
        line = complain(ended.code, ended.out, ended.err)
        assert said in line
        assert "secret" not in line


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines"])
def test_an_invalid_key(odd_url: str, key: str) -> None:
    ended = run(("queues",), {"TRIAGE_URL": odd_url, "TRIAGE_API_KEY": key})
    assert key not in complain(ended.code, ended.out, ended.err)


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:{closed}", "socks5://127.0.0.1:{closed}", "no proxy"])
@pytest.mark.parametrize("command", [("queues",), ("bench", "--jobs", "1")], ids=" ".join)
def test_proxies_are_not_used_for_this_machine(odd_url: str, proxy: str, command: tuple[str, ...]) -> None:
    proxy = proxy.format(closed=free_port())
    variables = {name: proxy for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY")}
    ended = run(command, {"TRIAGE_URL": f"{odd_url}/html", "NO_PROXY": "", **variables})
    assert "not from Triage" in complain(ended.code, ended.out, ended.err)


def test_a_proxy_that_cannot_be_used_is_reported(odd_url: str) -> None:
    for proxy in ("socks5://127.0.0.1:9", "ftp://127.0.0.1:9"):
        ended = run(
            ("queues",), {"TRIAGE_URL": "http://triage.example", "HTTP_PROXY": proxy, "http_proxy": proxy}
        )
        assert "proxy" in complain(ended.code, ended.out, ended.err)
