"""Writes what is generated from the code, or with --check says what is not current."""

import sys
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any

import orjson

from service.api.document import openapi_document
from service.api.specification import operations as operations_of
from service.domain.states import ARRIVALS, FINISHED, MOVES, State
from service.settings import PREFIX, Settings
from service.store.keys import CATALOGUE
from tools.chart_values import chart_values_table
from tools.dashboard import dashboard
from tools.metrics_table import metrics_table

ROOT = Path(__file__).resolve().parent.parent


@cache
def document() -> dict[str, Any]:
    return openapi_document()


def openapi() -> str:
    return _json(document())


def example(operation_id: str) -> str:
    """One request of an operation and what it answers when all goes well."""
    path, method, operation = next(
        row for row in operations_of(document()) if row[2]["operationId"] == operation_id
    )
    required = [row for row in operation.get("parameters", []) if row.get("required")]
    query = {row["name"]: row["example"] for row in required if row["in"] == "query"}
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    answers = {
        status: answer
        for status, answer in operation["responses"].items()
        if status < "400" and "$ref" not in answer
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
                status: next((media.get("example") for media in answer.get("content", {}).values()), None)
                for status, answer in answers.items()
            },
        }
    )


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"


def state_machine() -> str:
    lines = [
        "# The state machine of a job",
        "",
        "Printed from `service/domain/states.py`; `make generate` writes it.",
        "",
    ]
    lines += ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {state}: {name}" for name, state in ARRIVALS.items()]
    for move in MOVES.values():
        lines += [f"    {source} --> {move.target}: {move.name}" for source in _ordered(move.sources)]
    lines += ["```", "", "| move | from | to | fenced | |", "|---|---|---|---|---|"]
    for move in MOVES.values():
        fenced = "yes" if move.fenced else ""
        lines.append(
            f"| {move.name} | {', '.join(_ordered(move.sources))} | {move.target} | {fenced} | {move.note} |"
        )
    lines += [
        "",
        f"Finished: {', '.join(_ordered(FINISHED))}. A fenced move takes the current lease.",
        "",
    ]
    return "\n".join(lines)


def lua_moves() -> str:
    """Flat tables of text: each script call builds them anew."""
    sources = {move.name: " ".join(_ordered(move.sources)) for move in MOVES.values()}
    targets = {move.name: str(move.target) for move in MOVES.values()}
    fenced = {move.name: "true" for move in MOVES.values() if move.fenced}
    lines = [
        "-- The arrows of a job's state machine: printed from service/domain/states.py by `make generate`."
    ]
    lines += _lua_table("SOURCES", {name: f"'{states}'" for name, states in sources.items()})
    lines += _lua_table("TARGETS", {name: f"'{state}'" for name, state in targets.items()})
    lines += ["-- Only the holder of the job's current lease may make these."]
    lines += _lua_table("FENCED", fenced)
    lines += ["-- The states that a new job can be in, by how it gets there."]
    lines += _lua_table("ARRIVALS", {name: f"'{state}'" for name, state in ARRIVALS.items()})
    lines += _lua_table("FINISHED", {state: "true" for state in _ordered(FINISHED)})
    lines += [f"local STATES = '{' '.join(State)}'"]
    names = ("SOURCES", "TARGETS", "FENCED", "ARRIVALS", "FINISHED", "STATES")
    return "\n".join([*lines, "", "return {", *(f"  {name} = {name}," for name in names), "}", ""])


def _lua_table(name: str, rows: dict[str, str]) -> list[str]:
    return [f"local {name} = {{", *(f"  {key} = {value}," for key, value in rows.items()), "}"]


def _ordered(states: Iterable[State]) -> list[str]:
    order = list(State)
    return [str(state) for state in sorted(states, key=order.index)]


def redis_keys() -> str:
    lines = [
        "# Redis keys",
        "",
        "Printed from `service/store/keys.py`; `make generate` writes it. Every key begins with",
    ]
    lines += ["`triage:{<namespace>}:`, so that all keys of a namespace are in one cluster slot.", ""]
    lines += ["| key | type | |", "|---|---|---|"]
    lines += [
        f"| `{key.pattern}` | {key.type} | {key.meaning.replace('{{', '{').replace('}}', '}')} |"
        for key in CATALOGUE
    ]
    return "\n".join([*lines, ""])


def operations() -> str:
    text = (ROOT / "docs/operations.md").read_text()
    return _filled(_filled(text, "settings", settings_table()), "metrics", metrics_table())


def _filled(text: str, section: str, rows: list[str]) -> str:
    begin, end = f"<!-- {section}: generated -->", f"<!-- {section}: end -->"
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return "\n".join([before + begin, "", *rows, "", end + after])


def settings_table() -> list[str]:
    rows = ["| variable | default | |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        shown = (
            ""
            if str(default) in ("", "**********")
            else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        )
        rows.append(f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |")
    return rows


def chart() -> str:
    text = (ROOT / "helm/triage/README.md").read_text()
    return _filled(text, "values", chart_values_table(ROOT / "helm/triage/values.yaml"))


FILES: dict[str, Callable[[], str]] = {
    "openapi/openapi.json": openapi,
    "docs/state-machine.md": state_machine,
    "docs/redis-keys.md": redis_keys,
    "service/store/lua/lib/moves.lua": lua_moves,
    "docs/operations.md": operations,
    "helm/triage/README.md": chart,
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
