"""The client has every operation and every error code of the API's document."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import triage_client
from tests.api.document import DOCUMENT, SCHEMAS
from tools.generate import ROOT
from triage_client import problems

SOURCE = ROOT / "clients/python/triage_client/_async"
#: Operations that the client leaves out, and why.
LEFT_OUT = {
    "livez": "for the probes of a platform",
    "readyz": "for the probes of a platform",
    "metrics": "for Prometheus, in its own format",
    "read_autoscale": "for KEDA",
}


def _template(node: ast.expr) -> str | None:
    """The path of a request: a constant, or the first argument of path()."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "path"
        and node.args
    ):
        node = node.args[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _calls(file: Path) -> Iterator[tuple[str, str]]:
    """Method and path of each request in a module."""
    for function in ast.walk(ast.parse(file.read_text())):
        if isinstance(function, ast.ClassDef):
            # A handle's `refresh` and `wait` read its PLACE.
            for row in function.body:
                if isinstance(row, ast.Assign) and ast.unparse(row.targets[0]) == "PLACE":
                    yield "GET", ast.literal_eval(row.value)
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        places = {
            ast.unparse(row.targets[0]): found
            for row in ast.walk(function)
            if isinstance(row, ast.Assign) and (found := _template(row.value)) is not None
        }
        for call in ast.walk(function):
            match call:
                case ast.Call(
                    func=ast.Name(id="stream_events"), args=[_, ast.Constant(value=str(place)), *_]
                ):
                    yield "GET", place
                case ast.Call(func=ast.Attribute(attr="follow" | "items"), args=[place, *_]):
                    yield "GET", _template(place) or places[ast.unparse(place)]
                case ast.Call(args=[ast.Constant(value=str(method)), place, *_]) if method.isupper():
                    template = _template(place) or places.get(ast.unparse(place))
                    # The generic methods of handles and `request` have no template.
                    if template is not None:
                        yield method, template
                case _:
                    pass


def test_the_client_calls_every_operation_and_no_other() -> None:
    operations = {
        (method.upper(), re.sub(r"{\w+}", "{}", path)): operation["operationId"]
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }
    calls = {call for file in SOURCE.rglob("*.py") for call in _calls(file)}
    assert len(calls) > 50
    assert calls - operations.keys() == set()
    assert {id for call, id in operations.items() if call not in calls} == set(LEFT_OUT)


def test_the_client_needs_httpx_only() -> None:
    files = list(SOURCE.parent.rglob("*.py"))
    assert len(files) > 30
    imported = {
        name.partition(".")[0]
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        for name in (
            [row.name for row in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - sys.stdlib_module_names == {"httpx", "triage_client"}


def test_each_code_has_its_exception() -> None:
    assert set(problems.BY_CODE) == set(SCHEMAS["ProblemCode"]["enum"])
    assert all(issubclass(error, triage_client.ApiError) for error in problems.BY_CODE.values())
    assert triage_client.InvalidState is problems.BY_CODE["invalid_state"]


def _methods(owner: type[Any]) -> set[str]:
    return {name for name, _ in inspect.getmembers(owner) if not name.startswith("_")}


def test_both_halves_have_the_same_methods() -> None:
    names = [name for name in triage_client.__all__ if name.startswith("Async")]
    assert len(names) > 8
    for name in names:
        methods = {row.replace("aclose", "close") for row in _methods(getattr(triage_client, name))}
        assert methods == _methods(getattr(triage_client, name.removeprefix("Async"))), name


def test_the_readme_names_every_method() -> None:
    text = re.sub("```.*?```", "", (ROOT / "clients/python/README.md").read_text(), flags=re.DOTALL)
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`]+`", text))))
    for name in (
        "Triage",
        "Job",
        "DeadLetter",
        "Flow",
        "FanOut",
        "BulkAction",
        "Queue",
        "Schedule",
        "Worker",
        "Webhook",
        "Delivery",
        "ApiKey",
        "Namespace",
    ):
        owner = getattr(triage_client, name)
        public = {row for row in _methods(owner) if inspect.isroutine(getattr(owner, row))}
        assert public - named - {"load", "follow", "close"} == set(), name
