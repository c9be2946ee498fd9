"""Everything that the documents mention exists: operations, commands, options, settings, files."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from service.cli import add_commands, app
from service.settings import PREFIX, Settings
from tests.api.document import DOCUMENT
from tests.contract.texts import DOCUMENTS, ROOT

#: `POST /v1/jobs`, `curl -X POST $url/v1/jobs`, `ask -X POST "$TRIAGE_URL/v1/jobs"`, or just a path.
OPERATION = re.compile(
    r"(?:\b(?P<method>GET|PUT|POST|PATCH|DELETE)\b[^\n`|]*?)?(?P<path>/(?:v1|internal)/[\w\-{}./$]*[\w}])"
)
#: In code: a command after a prompt, at the beginning of a line, or as a whole span.
COMMAND = re.compile(
    r"(?:^ *(?:\$ )?|`|-- +)(?:\.venv/bin/)?triage ([a-z][^\n`|\\]*(?:\\\n[^\n`|\\]*)*)", re.MULTILINE
)
#: Variables of the command line, of the Dockerfiles, and of a user's shell.
OTHER_VARIABLES = {"TRIAGE_URL", "TRIAGE_API_KEY", "TRIAGE_PROFILE", "TRIAGE_IMAGE"}

pages = pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))


def _commands(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, member in command.commands.items():
        if hasattr(member, "commands"):
            if member.invoke_without_command:
                yield path + name, member
            yield from _commands(member, f"{path}{name} ")
        else:
            yield path + name, member


add_commands()
COMMANDS = dict(_commands(get_command(app)))
GROUPS = {name.split()[0] for name in COMMANDS if " " in name}
PATHS = {
    re.compile(re.sub(r"\{\w+\}", "[^/]+", path)): {method.upper() for method in operations}
    for path, operations in DOCUMENT["paths"].items()
}


@pages
def test_operations_exist(page: Path) -> None:
    wrong = [
        found[0]
        for found in OPERATION.finditer(page.read_text())
        if not any(
            pattern.fullmatch(found["path"]) and found["method"] in methods | {None}
            for pattern, methods in PATHS.items()
        )
    ]
    assert wrong == []


@pages
def test_commands_and_their_options_exist(page: Path) -> None:
    wrong: list[str] = []
    for line in COMMAND.findall(page.read_text()):
        words = line.replace("\\\n", " ").split()
        if words in [[group] for group in GROUPS]:
            continue
        command = COMMANDS.get(" ".join(words[:2])) or COMMANDS.get(words[0].rstrip(".,:;"))
        options = {word.partition("=")[0] for word in words if re.fullmatch(r"--[a-z-]+(=.*)?", word)}
        known = {option for row in command.params for option in row.opts} if command else set[str]()
        if command is None or not options <= known | {"--help"}:
            wrong.append(line)
    assert wrong == []


@pages
def test_settings_exist(page: Path) -> None:
    named = set(re.findall(r"\bTRIAGE_[A-Z_]*[A-Z]\b", page.read_text())) - OTHER_VARIABLES
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    # `TRIAGE_JWT_*` stands for several settings.
    assert [name for name in named if not any(setting.startswith(name) for setting in known)] == []


@pages
@pytest.mark.processes
def test_examples_are_valid_python_and_shell(page: Path) -> None:
    text = page.read_text()
    for block in re.findall(r"^```python\n(.+?)^```", text, re.MULTILINE | re.DOTALL):
        compile(block, page.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    script = "\n".join(re.findall(r"^```sh\n(.+?)^```", text, re.MULTILINE | re.DOTALL))
    checked = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True, check=False)
    assert checked.stderr == ""


@pages
def test_files_exist(page: Path) -> None:
    named = re.findall(r"`((?:\w+/)+[\w.-]+\.(?:py|lua|js|yaml|json|toml|md))`", page.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_a_newcomers_question_needs_at_most_four_files() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    questions = re.findall(r"^\*\*([^*]+\?)\*\*(.+?)(?=^\s*$)", text, re.MULTILINE | re.DOTALL)
    assert len(questions) >= 6
    files = {question: set(re.findall(r"`((?:\w+/)+[\w.-]+\.\w+)`", path)) for question, path in questions}
    assert {question: named for question, named in files.items() if not 1 <= len(named) <= 4} == {}


def test_there_is_something_to_find() -> None:
    text = "\n".join(page.read_text() for page in DOCUMENTS)
    assert len(OPERATION.findall(text)) > 80
    assert len({line.split()[0] for line in COMMAND.findall(text)}) > 12
