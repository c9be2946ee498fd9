"""Every command of the runbook exists: paths, methods and parameters of the API, commands of the CLI."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from typer.main import get_command

from service.cli import app
from service.commands import dead_letters, keys
from service.settings import PREFIX, Settings
from tests.api.document import DOCUMENT

TEXT = (Path(__file__).resolve().parents[2] / "docs/runbook.md").read_text()
#: `ask ... "$TRIAGE_URL/path"`, which may be broken over two lines.
CALLS = re.findall(r'ask((?:[^`"]|"(?!\$TRIAGE_URL))*?)"\$TRIAGE_URL(/[^"]*)"', TEXT)
COMMANDS = sorted(set(re.findall(r"`triage ([a-z]+(?: [a-z]+)?)", TEXT)))


@pytest.mark.parametrize(("options", "target"), CALLS, ids=[target for _, target in CALLS])
def test_a_call_is_an_operation_of_the_api(options: str, target: str) -> None:
    method = re.search(r"-X (\w+)", options)
    parts = urlsplit(target)
    path = re.sub(r"(?<=/v1/queues/)NAME", "{name}", re.sub(r"(?<=/v1/jobs/)ID", "{job_id}", parts.path))

    operation = DOCUMENT["paths"][path][(method[1] if method else "GET").lower()]

    known = {parameter["name"] for parameter in operation.get("parameters", [])}
    assert {name for name, _ in parse_qsl(parts.query)} <= known


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_of_the_cli(command: str) -> None:
    first, *rest = command.split()
    registered = {name for name in get_command(app).commands}  # type: ignore[attr-defined]
    groups = {"dlq": get_command(dead_letters.app), "keys": get_command(keys.app)}
    if first in groups:
        assert rest[0] in groups[first].commands  # type: ignore[attr-defined]
    else:
        assert first in registered | {"submit", "get", "tail", "queues"}


def test_settings_that_it_names_exist() -> None:
    of_the_cli = {"TRIAGE_URL", "TRIAGE_API_KEY"}
    named = set(re.findall(r"TRIAGE_[A-Z_]+", TEXT)) - of_the_cli
    assert named <= {PREFIX + name.upper() for name in Settings.model_fields}


def test_the_runbook_has_commands_to_check() -> None:
    assert len(CALLS) > 10
    assert "dlq retry" in COMMANDS
