"""Scripts keep their contracts: headers that name what the body uses, and few lines."""

import re
from pathlib import Path

import pytest

from service.store import scripts

FOLDER = Path(str(scripts.FOLDER))
COMMANDS = FOLDER / "commands"
SCRIPTS = sorted(path.stem for path in COMMANDS.glob("*.lua"))


def split(name: str) -> tuple[str, str]:
    lines = (COMMANDS / f"{name}.lua").read_text().splitlines()
    header = [line for line in lines if line.startswith(("--", "#!"))]
    body = [line for line in lines if not line.startswith(("--", "#!"))]
    return "\n".join(header), "\n".join(body)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_header_says_what_the_script_is_for_takes_and_answers(name: str) -> None:
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
    # The preludes read the first one; ranges are read by loops that begin at their first index.
    begins = {int(number) for number in re.findall(r"for i = (\d+), #ARGV", body)}
    assert used - documented - {1} == set()
    open_ended = {int(number) for number in re.findall(r"ARGV\[(\d+)\.\.\]", header)}
    assert documented - used - {1} - open_ended == set() or name == "claim"
    assert begins <= open_ended


@pytest.mark.parametrize("name", SCRIPTS)
def test_only_admission_is_refused_by_a_full_redis(name: str) -> None:
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
    }
    if name in refused:
        assert flags == "#!lua"
    else:
        assert "allow-oom" in flags or "no-writes" in flags


@pytest.mark.parametrize("name", SCRIPTS)
def test_payloads_are_opaque_and_the_keyspace_is_never_scanned(name: str) -> None:
    source = scripts.source(name)
    for word in ("cjson", "'KEYS'", "'SCAN'", "'FLUSHALL'", "'EVAL'"):
        assert word not in source


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.lua")), ids=lambda path: path.stem)
def test_scripts_are_short(path: Path) -> None:
    limit = 160 if path.stem in ("claim", "job_indexes", "groups") else 130
    assert len(path.read_text().splitlines()) <= limit
