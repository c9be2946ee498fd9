"""Builds the Lua text that Redis runs, from the commands and libraries in `service/store/lua`."""

import hashlib
import re
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files

#: `commands` has one script per verb, `lib` has shared libraries.
FOLDER = files("service.store") / "lua"

_USES = re.compile(r"^-- Uses: (.+)$", re.MULTILINE)
_BEGIN = re.compile(r"\bfunction (?:\w+\.)?begin\(")

#: Before its body, a function calls the begin() of each library that it uses.
_FUNCTION = """\
do
local begins = {{{begins}}}
redis.register_function{{function_name = '{name}', flags = {{{flags}}}, callback = function(KEYS, ARGV)
for i = 1, #begins do begins[i](KEYS, ARGV) end
{body}end}}
end
"""


def uses(text: str) -> list[str]:
    """The libraries that a command or a library names in its `Uses` lines."""
    return [name for line in _USES.findall(text) for name in line.split(", ")]


@cache
def library(name: str) -> str:
    return (FOLDER / "lib" / f"{name}.lua").read_text()


@cache
def command(name: str) -> str:
    return (FOLDER / "commands" / f"{name}.lua").read_text()


def _in_order(names: list[str]) -> list[str]:
    """These libraries and all that they use, each after the ones that it uses. Raises CycleError."""
    graph: dict[str, list[str]] = {}
    missing = list(names)
    while missing:
        name = missing.pop()
        if name not in graph:
            graph[name] = uses(library(name))
            missing += graph[name]
    return list(TopologicalSorter(dict(sorted(graph.items()))).static_order())


def _built(name: str) -> str:
    return f"local {name} = (function()\n{library(name)}end)()"


def _begins(names: list[str]) -> list[str]:
    return [f"{name}.begin" for name in names if _BEGIN.search(library(name))]


def assemble(text: str) -> str:
    """A command as a script for EVAL, with each library that it needs, once, after the first line."""
    flags, _, body = text.partition("\n")
    order = _in_order(uses(text))
    begins = [f"{begin}(KEYS, ARGV)" for begin in _begins(order)]
    return "\n".join([flags, *map(_built, order), *begins, body])


@cache
def source(name: str) -> str:
    return assemble(command(name))


@cache
def digest(name: str) -> str:
    return hashlib.sha1(source(name).encode(), usedforsecurity=False).hexdigest()


@cache
def writes(name: str) -> bool:
    return "no-writes" not in command(name).partition("\n")[0]


@cache
def commands() -> list[str]:
    folder = FOLDER / "commands"
    return sorted(file.name.removesuffix(".lua") for file in folder.iterdir() if file.name.endswith(".lua"))


@cache
def _functions() -> str:
    """All commands as functions, named without the version, which depends on this text."""
    order = _in_order([name for each in commands() for name in uses(command(each))])
    return "\n".join([*map(_built, order), *map(_function, commands())])


def _function(name: str) -> str:
    first, _, body = command(name).partition("\n")
    flags = first.partition("flags=")[2].split(",") if "flags=" in first else []
    return _FUNCTION.format(
        begins=", ".join(_begins(_in_order(uses(command(name))))),
        name=f"{name}_VERSION",
        flags=", ".join(f"'{flag}'" for flag in flags),
        body=body,
    )


@cache
def version() -> str:
    """Names the functions of this text: processes of different versions call their own."""
    return hashlib.sha1(_functions().encode(), usedforsecurity=False).hexdigest()[:12]


@cache
def function(name: str) -> str:
    return f"{name}_{version()}"


def functions(library_name: str) -> str:
    """The text of the function library with all commands."""
    return f"#!lua name={library_name}\n{_functions()}".replace("_VERSION'", f"_{version()}'")
