"""The texts that a reader sees, place by place, for the tests that check their words."""

import ast
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from tools.chart_values import documented

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        ROOT / "helm/triage/README.md",
        *ROOT.glob("clients/*/README.md"),
        *ROOT.glob("docs/**/*.md"),
    ]
)

CODE = ("service", "triage", "workers", "clients/python/triage_client")
LUA = "service/store/lua"

_GENERATED = re.compile(r"<!-- (\w+): generated -->.*?<!-- \1: end -->", re.DOTALL)
_FENCE = re.compile(r"^(\s*)```.*?^\1```$", re.DOTALL | re.MULTILINE)
_INLINE_CODE = re.compile(r"`[^`]+`")
_LINK_TARGET = re.compile(r"\]\([^)]*\)")
#: A line that begins a separate text: a heading, a table's row, an item of a list.
_BEGINS = re.compile(r"\s*(#|\||[*-] |\d+\. )")


@dataclass(frozen=True)
class Text:
    """A paragraph or a string, and where to find it."""

    where: str
    words: str


def _blank(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def paragraphs(document: str, name: str) -> Iterator[Text]:
    """What a person has written: without code, addresses, and what the code generates."""
    text = _FENCE.sub(_blank, _GENERATED.sub(_blank, document))
    text = _INLINE_CODE.sub(lambda code: "`x`" + _blank(code), _LINK_TARGET.sub("]", text))
    begin, words = 0, list[str]()
    indented = False
    for number, line in enumerate([*text.split("\n"), ""], 1):
        # Four spaces after an empty line are code; an item's further lines are indented by two.
        indented = line.startswith("    ") and (indented or not words)
        if words and (not line.strip() or _BEGINS.match(line)):
            yield Text(f"{name}:{begin}", " ".join(words))
            words = []
        if line.strip() and not indented:
            begin = begin if words else number
            words.append(line.strip())


def documents() -> Iterator[Text]:
    for path in DOCUMENTS:
        yield from paragraphs(path.read_text(), str(path.relative_to(ROOT)))


def api_document() -> Iterator[Text]:
    """Every description, summary and title of the OpenAPI document."""

    def walk(value: Any, path: str) -> Iterator[Text]:
        if isinstance(value, dict):
            for key, member in value.items():
                if key in ("description", "summary", "title") and isinstance(member, str):
                    yield Text(f"openapi.json{path}/{key}", member)
                elif key not in ("example", "examples"):
                    yield from walk(member, f"{path}/{key}")
        elif isinstance(value, list):
            for number, item in enumerate(value):
                yield from walk(item, f"{path}/{number}")

    yield from walk(orjson.loads((ROOT / "openapi/openapi.json").read_bytes()), "#")


def _files(folder: str, suffix: str) -> list[Path]:
    return sorted((ROOT / folder).rglob(f"*{suffix}"))


def _modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for path in (path for folder in folders for path in _files(folder, ".py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def _docstring(node: ast.AST) -> ast.Constant | None:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            return first.value
    return None


def _sentence(value: object) -> str | None:
    """A string with several words; names, keys and patterns are none."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text if re.search(r"[a-z]{2}[,.:;]? [a-z]", text) else None


def python_strings() -> Iterator[Text]:
    """What the code says: details of problems, settings, help of commands, explanations, log lines."""
    for name, module in _modules(*CODE):
        silent = {id(node) for tree in ast.walk(module) if (node := _docstring(tree))}
        for node in ast.walk(module):
            if isinstance(node, ast.JoinedStr):
                parts = [str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values]
                silent |= {id(part) for part in node.values}
                sentence = _sentence("".join(parts))
            elif isinstance(node, ast.Constant) and id(node) not in silent:
                sentence = _sentence(node.value)
            else:
                continue
            if sentence:
                yield Text(f"{name}:{node.lineno}", sentence)


def _paragraphs_of(name: str, comments: Iterator[tuple[int, str]]) -> Iterator[Text]:
    """Comments, those on adjacent lines as one text."""
    begin, last, words = 0, -1, list[str]()
    for number, comment in comments:
        if words and number != last + 1:
            yield Text(f"{name}:{begin}", " ".join(words))
            words = []
        begin, last = (begin if words else number), number
        words.append(comment.strip())
    if words:
        yield Text(f"{name}:{begin}", " ".join(words))


def _python_comments(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string.lstrip("#:")


def docstrings_and_comments(folder: str) -> Iterator[Text]:
    """What the Python of a folder says to developers."""
    for name, module in _modules(folder):
        for node in ast.walk(module):
            if (found := _docstring(node)) and (sentence := _sentence(found.value)):
                yield Text(f"{name}:{found.lineno}", sentence)
    for path in _files(folder, ".py"):
        yield from _paragraphs_of(str(path.relative_to(ROOT)), _python_comments(path))


def lua_comments() -> Iterator[Text]:
    """What the scripts say to developers."""
    begins = re.compile(r"^\s*--+ ?(.*)$")
    for path in _files(LUA, ".lua"):
        lines = enumerate(path.read_text().split("\n"), 1)
        found = ((number, match[1]) for number, line in lines if (match := begins.match(line)))
        yield from _paragraphs_of(str(path.relative_to(ROOT)), found)


def _defined(node: ast.AST) -> list[str]:
    """The names that a node of the syntax tree introduces."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case (
            ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store())
        ):
            return [name]
        case ast.alias(asname=str(name)) | ast.MatchAs(name=str(name)):
            return [name]
        case _:
            return []


def names(folder: str) -> Iterator[Text]:
    """The names of modules and everything that they define, as words: `JobSpec` is "Job Spec"."""
    for path, module in _modules(folder):
        yield Text(path, Path(path).stem.replace("_", " "))
        for node in ast.walk(module):
            for name in _defined(node):
                words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ")
                yield Text(f"{path}:{getattr(node, 'lineno', 1)}", words.strip())


def lua_code() -> Iterator[Text]:
    """The names and strings of the Lua scripts, line by line, with spaces for the underscores of names."""
    for path in _files(LUA, ".lua"):
        for number, line in enumerate(path.read_text().split("\n"), 1):
            words = " ".join(re.findall(r"\w+", line.partition("--")[0].replace("_", " ")))
            if words:
                yield Text(f"{path.relative_to(ROOT)}:{number}", words)


def dashboard() -> Iterator[Text]:
    """The strings of the dashboard's scripts and the words of its page."""
    folder = ROOT / "service/api/dashboard"
    quoted = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|`((?:[^`\\]|\\.)*)`")
    for path in sorted([*folder.rglob("*.js"), *folder.rglob("*.html")]):
        pattern = quoted if path.suffix == ".js" else re.compile(r">([^<]+)<")
        for number, line in enumerate(path.read_text().split("\n"), 1):
            for found in pattern.finditer(line):
                words = "".join(part or "" for part in found.groups())
                if sentence := _sentence(re.sub(r"\$\{[^}]*\}", "x", words)):
                    yield Text(f"{path.relative_to(ROOT)}:{number}", sentence)


def chart() -> Iterator[Text]:
    """What the chart says of its values, and what its alerts say."""
    folder = ROOT / "helm/triage"
    for path, _, description in documented(folder / "values.yaml"):
        yield Text(f"values.yaml {'.'.join(path)}", description)
    for group in yaml.safe_load((folder / "rules/triage.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            for key in ("summary", "description"):
                yield Text(f"triage.yaml {rule['alert']} {key}", rule["annotations"][key])


#: Texts of the whole project. Those of Python for developers are checked folder by folder.
PLACES: Mapping[str, Callable[[], Iterator[Text]]] = {
    "documents": documents,
    "api_document": api_document,
    "python_strings": python_strings,
    "dashboard": dashboard,
    "chart": chart,
    # What developers see.
    "lua_comments": lua_comments,
}
