"""The command line as a whole: its help, its version, and what it imports."""

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from service import exit_codes
from service.cli import add_commands, app
from service.version import VERSION
from tests.commands.conftest import run
from tests.contract.texts import ROOT

PAGE = (ROOT / "docs/reference/command-line.md").read_text()


def commands(command: Any, path: str = "triage") -> Iterator[tuple[str, Any]]:
    for name, member in getattr(command, "commands", {}).items():
        yield f"{path} {name}", member
        yield from commands(member, f"{path} {name}")


add_commands()
COMMANDS = dict(commands(get_command(app)))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_has_a_help_text(path: str) -> None:
    command = COMMANDS[path]
    assert (command.help or "").split("\n\n")[0].rstrip().endswith(".")
    unexplained = [row.name for row in command.params if row.param_type_name == "option" and not row.help]
    assert unexplained == []


def test_the_page_has_every_command_and_exit_code() -> None:
    documented = set(re.findall(r"^### (triage [a-z -]+)$", PAGE, re.MULTILINE))
    groups = {
        path for path, command in COMMANDS.items() if not command.params and hasattr(command, "commands")
    }
    assert set(COMMANDS) - documented == groups
    codes = {value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert codes <= listed


def test_spellings_of_the_contract_still_exist() -> None:
    for words in (
        "submit", "get", "tail", "queues", "schedules", "flow", "graph", "fan-out", "bench",
        "dlq list", "dlq retry", "dlq delete", "keys create", "keys list", "keys revoke",
    ):  # fmt: skip
        assert f"triage {words}" in COMMANDS


def test_it_prints_its_version() -> None:
    assert run(("--version",), {}).out == f"triage {VERSION}\n"


@pytest.mark.parametrize("words", [("qeues",), ("queues", "paus"), ("dlq",)])
def test_a_wrong_word_is_a_usage_error(words: tuple[str, ...]) -> None:
    assert run(words, {"COLUMNS": "200"}).code == 2


def test_starting_a_process_imports_nothing_of_the_client() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['triage', 'worker', '--nonsense']\n"
        "from service.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 2\n"
        "print({'triage_client', 'httpx', 'service.commands.connection'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ended.stdout == "set()\n"
