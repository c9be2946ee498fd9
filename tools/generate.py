"""Writes the generated files, or with --check lists those that are not current."""

import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import orjson

from service.api.export import openapi_document
from service.api.openapi.document import operations as operations_of
from service.api.responses.problem_pages import problem_pages
from tools import client, performance, reference
from tools.chart_values import chart_values_list
from tools.dashboard import dashboard
from tools.lua_moves import lua_moves
from tools.metrics_list import metrics_list

ROOT = Path(__file__).resolve().parent.parent


@cache
def document() -> dict[str, Any]:
    return openapi_document()


def openapi() -> str:
    return _json(document())


def example(operation_id: str) -> str:
    """One request of an operation and its successful responses."""
    path, method, operation = next(
        row for row in operations_of(document()) if row[2]["operationId"] == operation_id
    )
    required = [row for row in operation.get("parameters", []) if row.get("required")]
    query = {row["name"]: row["example"] for row in required if row["in"] == "query"}
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    responses = {
        status: response
        for status, response in operation["responses"].items()
        if status < "400" and "$ref" not in response
    }
    return _json(
        {
            "operation": operation_id,
            "scope": operation.get("x-required-scope"),
            "request": {
                "method": method.upper(),
                "path": path.format_map({row["name"]: row["example"] for row in required}),
                **({"query": query} if query else {}),
                **({} if body is None else {"body": body}),
            },
            "answers": {
                status: next((media.get("example") for media in response.get("content", {}).values()), None)
                for status, response in responses.items()
            },
        }
    )


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"


Lines = Callable[[], list[str]]


def filled(page: str, sections: Mapping[str, Lines]) -> str:
    """The page with new lines between the two comments of each section."""
    text = (ROOT / page).read_text()
    for section, lines in sections.items():
        begin, end = f"<!-- {section}: generated -->", f"<!-- {section}: end -->"
        before, rest = text.split(begin)
        _, after = rest.split(end)
        text = "\n".join([before + begin, "", *lines(), "", end + after])
    return text


#: Pages written by hand, each with its generated sections.
SECTIONS: dict[str, Mapping[str, Lines]] = {
    "docs/reference/settings.md": {"settings": reference.settings},
    "docs/reference/metrics.md": {"metrics": metrics_list},
    "docs/reference/errors.md": {"errors": reference.errors},
    "docs/reference/command-line.md": {"commands": reference.commands},
    "docs/reference/state-machine.md": {"moves": reference.state_machine},
    "docs/reference/redis-keys.md": {"keys": reference.redis_keys},
    "docs/explanation/performance.md": performance.sections(),
    "helm/triage/README.md": {"values": lambda: chart_values_list(ROOT / "helm/triage/values.yaml")},
}


FILES: dict[str, Callable[[], str]] = {
    "openapi/openapi.json": openapi,
    # Before the pages: the commands import the client.
    **client.files(document),
    "service/store/lua/lib/moves.lua": lua_moves,
    **{page: partial(filled, page, sections) for page, sections in SECTIONS.items()},
    **{f"docs/reference/errors/{code}.md": partial(reference.error_page, code) for code in problem_pages()},
    "docs/explanation/performance.svg": performance.picture,
    "helm/triage/dashboards/triage.json": dashboard,
    **{
        f"openapi/examples/{operation['operationId']}.json": partial(example, operation["operationId"])
        for _, _, operation in operations_of(document())
    },
}


def main() -> int:
    check = "--check" in sys.argv
    stale = 0
    for name, write in FILES.items():
        path, text = ROOT / name, write()
        if path.exists() and path.read_text() == text:
            continue
        stale += 1
        print(f"{name} is not current: run `make generate`" if check else f"wrote {name}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
