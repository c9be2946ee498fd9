"""Lua scripts keep their conventions: headers that match the body, short files, one way to do each thing."""

import re
from pathlib import Path

import pytest

from service.store.redis import lua_source

FOLDER = Path(str(lua_source.FOLDER))
COMMANDS = FOLDER / "commands"
SCRIPTS = sorted(path.stem for path in COMMANDS.glob("*.lua"))
FILES = sorted(FOLDER.rglob("*.lua"))


def split(name: str) -> tuple[str, str]:
    lines = (COMMANDS / f"{name}.lua").read_text().splitlines()
    header = [line for line in lines if line.startswith(("--", "#!"))]
    body = [line for line in lines if not line.startswith(("--", "#!"))]
    return "\n".join(header), "\n".join(body)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_header_has_purpose_arguments_and_reply(name: str) -> None:
    text = (COMMANDS / f"{name}.lua").read_text()
    header, _ = split(name)
    assert text.startswith("#!lua")
    assert "-- KEYS[1] prefix of the namespace" in header
    assert "-- Returns " in header


@pytest.mark.parametrize("name", SCRIPTS)
def test_header_and_body_name_the_same_arguments(name: str) -> None:
    header, body = split(name)
    documented = {int(number) for number in re.findall(r"ARGV\[(\d+)(?:\.\.)?\]", header)}
    used = {int(number) for number in re.findall(r"ARGV\[(\d+)\]", body)}
    # The clock reads the first argument; loops over ranges begin at their first index.
    begins = {int(number) for number in re.findall(r"for i = (\d+), #ARGV", body)}
    assert used - documented - {1} == set()
    open_ended = {int(number) for number in re.findall(r"ARGV\[(\d+)\.\.\]", header)}
    assert documented - used - {1} - open_ended == set() or name == "claim"
    assert begins <= open_ended


@pytest.mark.parametrize("name", SCRIPTS)
def test_only_admission_fails_when_redis_is_full(name: str) -> None:
    flags = (COMMANDS / f"{name}.lua").read_text().splitlines()[0]
    refused = {
        "submit",
        "stage_flow_jobs",
        "link_flow_jobs",
        "wait_for_children",
        "put_schedule",
        "create_fan_out",
        "add_fan_out_items",
        "create_bulk_action",
        "put_webhook",
        "test_webhook",
        "resend_delivery",
    }
    if name in refused:
        assert flags == "#!lua"
    else:
        assert "allow-oom" in flags or "no-writes" in flags


@pytest.mark.parametrize("name", SCRIPTS)
def test_payloads_are_opaque_and_the_keyspace_is_never_scanned(name: str) -> None:
    source = lua_source.source(name)
    for word in ("cjson", "'KEYS'", "'SCAN'", "'FLUSHALL'", "'EVAL'"):
        assert word not in source


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scripts_are_short(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= 140
    assert [line for line in lines if len(line) > 120] == []


@pytest.mark.parametrize(
    ("pattern", "owner"),
    [
        (r"'TIME'", "clock"),
        (r"\bKEYS\b", "keys"),
        (r":inbox'", "wake_workers"),
        (r"'idempotency:'", "idempotency"),
        (r"'created_at', job\.created_at", "job_records"),
        (r"'redriven'", "job_records"),
        (r"'starts:' \.\. id", "rate_limits|limiter_rooms|count_startable"),
    ],
)
def test_each_mechanism_is_in_one_file(pattern: str, owner: str) -> None:
    """Reading the clock and the prefix, waking an inbox, idempotency, new jobs, new runs, starts of rates."""
    found = {path.stem for path in FILES if re.search(pattern, code(path))}
    assert found == set(owner.split("|"))


def test_libraries_take_arguments_of_a_command_as_arguments() -> None:
    found = {path.stem for path in FILES if path.parent.name == "lib" and "ARGV" in code(path)}
    assert found == {"clock"}


def code(path: Path) -> str:
    return "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("--"))
