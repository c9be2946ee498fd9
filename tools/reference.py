"""The generated sections of docs/reference."""

import textwrap
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from importlib import import_module
from typing import Any, Literal, get_args, get_origin

from typer.main import get_command

from service.api.responses.problem_pages import problem_pages
from service.api.responses.problems import BY_STATUS, CODES, STATUS, UNEXPECTED
from service.cli import add_commands, app
from service.domain.states import ARRIVALS, FINISHED, MOVES, State
from service.redis_settings import RedisSettings
from service.settings import PREFIX, Settings
from service.store.redis.keys import CATALOGUE

WIDTH = 120
#: Codes that belong to no error class.
OTHER_ERRORS = {"http_error": "Any other HTTP status.", "internal_error": UNEXPECTED}


def item(text: str) -> list[str]:
    """An item of a list, wrapped; the rows of a table cannot be."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent="* ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def settings() -> list[str]:
    lines: list[str] = []
    # Redis comes first, with its URL, and the fields of other parts last.
    first = {"redis_url": "", **RedisSettings.__annotations__}
    names = dict.fromkeys([*first, *Settings.__annotations__, *Settings.model_fields])
    for name in (name for name in names if name in Settings.model_fields):
        field = Settings.model_fields[name]
        default = field.get_default()
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        default = "" if shown in ("", "**********") else f" (default `{shown}`)"
        lines += item(f"**`{PREFIX}{name.upper()}`**{default}: {field.description}")
    return lines


def error_texts() -> dict[str, str]:
    """A sentence or two for each code of the API's problems."""
    rows = _error_rows()
    texts = {code: " ".join(dict.fromkeys(row[3] for row in rows if row[0] == code)) for code in CODES}
    return {code: text or OTHER_ERRORS[code] for code, text in texts.items()}


def _error_rows() -> list[tuple[str, int, bool, str]]:
    rows = [(error.code, status, error.retryable, error.default_message) for error, status in STATUS.items()]
    raised = {row[0] for row in rows}
    rows += [
        (code, status, False, f"{HTTPStatus(status).phrase}.")
        for status, code in BY_STATUS.items()
        if code not in raised
    ]
    return sorted(set(rows))


def errors() -> list[str]:
    texts = dict[tuple[str, int, bool], list[str]]()
    for code, status, retryable, text in _error_rows():
        texts.setdefault((code, status, retryable), []).append(text)
    lines: list[str] = []
    for (code, status, retryable), found in texts.items():
        facts = f"**`{code}`** ({status}{', retryable' if retryable else ''})"
        lines += item(f"{facts}: {' '.join(found)} [More](errors/{code}.md)")
    return lines


def error_page(code: str) -> str:
    """The same page as the API serves at the URL in the problem's `type`."""
    lines: list[str] = []
    page = problem_pages()[code]
    for line in page.markdown().split("\n"):
        lines += item(line[2:]) if line.startswith("* ") else textwrap.wrap(line, WIDTH) or [""]
    return "\n".join([*lines, "", "[All errors](../errors.md)", ""])


def commands() -> list[str]:
    add_commands()
    lines: list[str] = []
    for path, command in _commands("triage", get_command(app)):
        arguments = [_argument(row) for row in command.params if row.param_type_name == "argument"]
        lines += ["", f"### {path}", "", f"    {' '.join([path, *arguments])}", ""]
        paragraphs = [" ".join(text.split()) for text in (command.help or "").split("\n\n")]
        lines += "\n\n".join(textwrap.fill(text, WIDTH) for text in paragraphs).split("\n")
        # These are the same everywhere; the page describes them above.
        options = [
            row
            for row in command.params
            if row.param_type_name == "option" and row.name not in ("url", "key", "profile")
        ]
        lines += [""] if options else []
        for option in options:
            names = ", ".join([*option.opts, *option.secondary_opts])
            default = (
                "" if option.is_flag or option.default in (None, "") else f" (default `{option.default}`)"
            )
            lines += item(f"`{names}`{default}: {option.help}{_choices(option)}")
    return lines[1:]


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """The commands that a user can type, in the order of `triage --help`; typer bundles its own click."""
    if members := getattr(command, "commands", None):
        if command.invoke_without_command and path != "triage":
            yield path, command
        for name, member in members.items():
            yield from _commands(f"{path} {name}", member)
    else:
        yield path, command


def _choices(option: Any) -> str:
    annotation = option.type_descriptor.annotation
    choices = get_args(annotation) if get_origin(annotation) is Literal else ()
    return f" One of {', '.join(choices)}." if choices else ""


def _argument(argument: Any) -> str:
    name = (argument.metavar or str(argument.name).upper()) + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def state_machine() -> list[str]:
    lines = ["```mermaid", "stateDiagram-v2"]
    lines += [f"    [*] --> {state}: {name}" for name, state in ARRIVALS.items()]
    for move in MOVES.values():
        lines += [f"    {source} --> {move.target}: {move.name}" for source in in_order(move.sources)]
    lines += ["```", "", "| move | from | to | fenced | |", "|---|---|---|---|---|"]
    for move in MOVES.values():
        fenced = "yes" if move.fenced else ""
        lines.append(
            f"| {move.name} | {', '.join(in_order(move.sources))} | {move.target} | {fenced} | {move.note} |"
        )
    return [*lines, "", f"Finished: {', '.join(in_order(FINISHED))}."]


def in_order(states: Iterable[State]) -> list[str]:
    order = list(State)
    return [str(state) for state in sorted(states, key=order.index)]


def redis_keys() -> list[str]:
    lines: list[str] = []
    # They import every module that defines keys.
    import_module("service.store.namespace")
    import_module("service.store.tenants.tenants")
    for key in sorted(CATALOGUE, key=lambda key: key.pattern):
        meaning = key.meaning.replace("{{", "{").replace("}}", "}")
        lines += item(f"**`{key.pattern}`** ({key.type}): {meaning}")
    return lines
