"""Job states are written in one place, by the moves of `service/domain/states.py`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tree_sitter import Node, Parser

from service.domain.states import MOVES, State
from service.store.redis import lua_source
from tests.contract.lua_names import LUA

FILES = sorted(Path(str(lua_source.FOLDER)).rglob("*.lua"))
READS = {"HGET", "HMGET", "HEXISTS"}
#: Records that have a field `state`: jobs, groups, bulk actions.
OWNERS = {"jobs": "job:", "groups": "group:", "bulk_actions": "action:"}


def strings(source: bytes) -> Iterator[tuple[str, list[Node]]]:
    """Each string with the calls around it, innermost first."""

    def visit(node: Node, calls: list[Node]) -> Iterator[tuple[str, list[Node]]]:
        if node.type == "string":
            yield text(node)[1:-1], calls
        for child in node.children:
            yield from visit(child, [node, *calls] if node.type == "function_call" else calls)

    yield from visit(Parser(LUA).parse(source).root_node, [])


def text(node: Node | None) -> str:
    return (node.text or b"").decode() if node else ""


def command_of(call: Node) -> str:
    """The command of a redis.call(), or else the name of the called function."""
    function, arguments = text(call.child_by_field_name("name")), call.child_by_field_name("arguments")
    first = arguments.named_children[0] if arguments and arguments.named_children else None
    return text(first)[1:-1] if function == "redis.call" else function


def writes_of_state(source: bytes) -> list[str]:
    return [
        text(calls[0]) if calls else value
        for value, calls in strings(source)
        if value == "state" and not (calls and command_of(calls[0]) in READS)
    ]


def values_of(call: Node) -> list[str]:
    """The values that a call writes to a hash, or passes to a move."""
    arguments = call.child_by_field_name("arguments")
    values = [text(argument).strip("'") for argument in arguments.named_children] if arguments else []
    match command_of(call):
        case "HSET" | "HSETNX" | "HMSET":
            return values[3::2]
        case "put" | "push":
            return values[-1:]
        case name if name.startswith(("jobs.", "job_records.", "endings.")):
            return values
        case _:
            return []


def spelled(source: bytes) -> list[str]:
    return [
        text(calls[0])
        for value, calls in strings(source)
        if value in set(State) and calls and value in values_of(calls[0])
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_jobs_writes_the_state_of_a_job(path: Path) -> None:
    found = writes_of_state(path.read_bytes().replace(b"#!lua", b"--", 1))
    if path.stem == "heartbeat":
        # That is a worker's state.
        found = [call for call in found if "'seen_at'" not in call]
    if path.stem == "kept_ends":
        # What it keeps of a deleted job.
        found = [call for call in found if "'ended:'" not in call]
    if path.stem not in OWNERS:
        assert found == []
        return
    assert found != []
    for call in found:
        if "HSET" in call or "HDEL" in call:
            assert f"'{OWNERS[path.stem]}'" in call or "'HSET', key," in call


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_file_spells_a_state_to_write_it(path: Path) -> None:
    assert spelled(path.read_bytes().replace(b"#!lua", b"--", 1)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_moves_are_those_of_the_machine(path: Path) -> None:
    moves = {"jobs.move": 2, "jobs.permits": 1, "endings.finish": 2}
    for value, calls in strings(path.read_bytes().replace(b"#!lua", b"--", 1)):
        name = command_of(calls[0]) if calls else ""
        arguments = calls[0].child_by_field_name("arguments") if name in moves else None
        if arguments and text(arguments.named_children[moves[name]]) == f"'{value}'":
            assert value in MOVES


def test_the_check_finds_code_that_writes_a_state() -> None:
    assert writes_of_state(b"redis.call('HMGET', key, 'state', 'queue')") == []
    assert writes_of_state(b"redis.call('HSET', key, 'state', word)") == [
        "redis.call('HSET', key, 'state', word)"
    ]
    assert writes_of_state(b"put('state', word)") == ["put('state', word)"]
    assert writes_of_state(b"local fields = {'state', word}") == ["state"]
    assert spelled(b"if job.state == 'queued' then return keys.queue(queue, 'queued') end") == []
    assert spelled(b"redis.call('HSET', key, 'queued', 1)") == []
    assert spelled(b"redis.call('HSET', key, 'what', 'queued')") != []
    assert spelled(b"jobs.move(id, job, 'dead', now)") != []
