"""Scripts use only names that exist where they use them, and have locals to spare.

Lua looks a name up when the line runs, so a misspelled one fails only in the branch that uses it.
"""

import re
from collections.abc import Generator
from functools import cache
from graphlib import CycleError
from pathlib import Path

import pytest

from service.store.redis import lua_source
from tests.contract.lua_names import Global, Names

REDIS = {"redis", "KEYS", "ARGV"}
LIBRARIES = {"string", "math", "table"}
FUNCTIONS = {"error", "ipairs", "next", "pairs", "setmetatable", "tonumber", "unpack"}
#: The globals that a script may use.
GLOBALS = REDIS | LIBRARIES | FUNCTIONS
#: Lua refuses a script that has a function with more than 200 locals.
LOCALS_AT_MOST = 120

FOLDER = Path(str(lua_source.FOLDER))
FILES = sorted(FOLDER.rglob("*.lua"))
LIBRARY_FILES = sorted((FOLDER / "lib").glob("*.lua"))
SCRIPTS = sorted(path.stem for path in (FOLDER / "commands").glob("*.lua"))


@cache
def names(script: str) -> Names:
    return Names(lua_source.source(script))


def test_every_script_is_checked() -> None:
    assert {"claim", "count_startable", "submit"} <= set(SCRIPTS)
    assert len(SCRIPTS) > 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_names_the_libraries_that_it_uses_and_no_others(path: Path) -> None:
    text = path.read_text()
    free = {use.name for use in Names(text.replace("#!lua", "--", 1)).read} - GLOBALS
    assert free == set(lua_source.uses(text))


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_reads_only_locals_in_scope_and_globals_of_redis(script: str) -> None:
    assert {use for use in names(script).read if use.name not in GLOBALS} == set()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_writes_no_globals(script: str) -> None:
    assert names(script).written == set()


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_has_locals_to_spare(script: str) -> None:
    count = names(script).most_locals
    assert count <= LOCALS_AT_MOST, f"{script}.lua and its libraries have {count} of Lua's 200 locals"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_only_the_batch_is_state_that_libraries_share(path: Path) -> None:
    text = path.read_text()
    # `name.field = value`, where `name` is a library; `==` compares.
    assigned = set(re.findall(r"\b(\w+)\.[\w.]+(?:, [\w.]+)* =(?!=)", text)) & set(lua_source.uses(text))
    assert assigned <= {"batch"}


@pytest.mark.parametrize("path", LIBRARY_FILES, ids=lambda path: path.stem)
def test_what_a_call_changes_is_set_by_begin(path: Path) -> None:
    """Libraries live as long as the server: what they keep outside `begin` would reach the next call."""
    for names, value in re.findall(r"^local ([a-z_, ]+) = (.+)$", path.read_text(), re.MULTILINE):
        exports = all(re.fullmatch(r"[a-z_]+\.[a-z_]+", part) for part in value.split(", "))
        assert exports or names == path.stem, f"local {names} = {value}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    (tmp_path / "lib").mkdir()
    monkeypatch.setattr(lua_source, "FOLDER", tmp_path)
    lua_source.library.cache_clear()
    yield tmp_path / "lib"
    lua_source.library.cache_clear()


def test_a_library_is_included_once_after_those_it_uses(folder: Path) -> None:
    (folder / "a.lua").write_text("-- Uses: c, b\nreturn {}\n")
    (folder / "b.lua").write_text("-- Uses: c\nreturn {}\n")
    (folder / "c.lua").write_text("return {}\n")
    source = lua_source.assemble("#!lua\n-- Uses: a\n-- Uses: c\nreturn a or c\n")
    assert source.startswith("#!lua\n")
    assert re.findall(r"^local (\w) = ", source, re.MULTILINE) == ["c", "b", "a"]


def test_a_library_begins_each_call_of_the_commands_that_use_it(folder: Path) -> None:
    (folder / "a.lua").write_text("-- Uses: b\nlocal function begin() end\nreturn {begin = begin}\n")
    (folder / "b.lua").write_text("local b = {}\nfunction b.begin(KEYS) end\nreturn b\n")
    (folder / "c.lua").write_text("return {}\n")
    source = lua_source.assemble("#!lua\n-- Uses: a, c\nreturn 1\n")
    assert re.findall(r"^(\w+)\.begin\(KEYS, ARGV\)$", source, re.MULTILINE) == ["b", "a"]


def test_libraries_that_use_each_other_are_refused(folder: Path) -> None:
    (folder / "a.lua").write_text("-- Uses: b\nreturn {}\n")
    (folder / "b.lua").write_text("-- Uses: a\nreturn {}\n")
    with pytest.raises(CycleError):
        lua_source.assemble("#!lua\n-- Uses: a\nreturn a\n")


@pytest.mark.parametrize(
    ("source", "read", "written", "most_locals"),
    [
        ("local a = a", "a", "", 1),
        ("local a; local b = a", "", "", 2),
        ("b = a", "a", "b", 0),
        ("local t; t.a, t[b], c = 1, 2, 3", "b", "c", 1),
        ("local t = {a = b, [c] = d, e}", "b c d e", "", 1),
        ("t.a.b(c):d(e)", "c e t", "", 0),
        ("do local a end return a", "a", "", 1),
        ("do local a, b end do local c end local d", "", "", 2),
        ("if a then local b elseif b then local c else return c end", "a b c", "", 1),
        ("while a do local a = 1; b(a) end", "a b", "", 1),
        ("repeat local a until a; return a", "a", "", 1),
        ("repeat until a", "a", "", 0),
        ("for i = i, n, step do local a = i end return i", "i n step", "", 5),
        ("for k, v in pairs(k) do local a = v end return v", "k pairs v", "", 6),
        ("for _ in a do end", "a", "", 4),
        ("local function f(a, ...) return f, a, ... end return a", "a", "", 1),
        ("local f = function(a) return f, a end", "f", "", 1),
        ("local a; local f = function() return a end", "", "", 2),
        ("function f(a) return a end", "", "f", 1),
        ("local t; function t.a.f() return self end function t:m(b) return self, b end", "self", "", 2),
        ("local function f() return later() end local function later() end", "later", "", 2),
        ("local function f() local a, b, c end", "", "", 3),
        ("-- a\nreturn 'b' .. [[c]] .. d", "d", "", 0),
    ],
)
def test_names_are_resolved_as_in_lua(source: str, read: str, written: str, most_locals: int) -> None:
    found = Names(source)
    assert sorted(use.name for use in found.read) == read.split()
    assert sorted(use.name for use in found.written) == written.split()
    assert found.most_locals == most_locals


def test_a_global_is_found_with_its_line() -> None:
    assert Names("local a\n  a = b(1)").read == {Global("b", "a = b(1)")}


def test_a_syntax_error_is_refused() -> None:
    with pytest.raises(SyntaxError):
        Names("local local a")
