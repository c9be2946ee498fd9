"""triage keys create: invalid input is refused before a key is created."""

import pytest
from typer.testing import CliRunner

from service.api.auth.credentials import SCOPES
from service.commands.access.keys import app

#: No server listens there: these refusals come before any connection.
RUNNER = CliRunner(env={"TRIAGE_REDIS_URL": "redis://127.0.0.1:1"})


def create(name: str = "shop", namespace: str = "default", scopes: str = "jobs:read") -> tuple[int, str]:
    result = RUNNER.invoke(app, ["create", name, "--namespace", namespace, "--scopes", scopes])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    "namespace", ["alpha}:job:x", "", "a b", "{alpha}", "-alpha", "a" * 65, "alpha\n", "access}:key:x"]
)
def test_an_invalid_namespace_is_refused(namespace: str) -> None:
    code, said = create(namespace=namespace)
    assert code == 2
    assert "invalid namespace" in " ".join(said.split())


@pytest.mark.parametrize("scopes", ["", ",", "jobs:raed", "jobs:read,admin"])
def test_a_key_has_scopes_and_the_refusal_names_them(scopes: str) -> None:
    code, said = create(scopes=scopes)
    assert code == 2
    assert all(scope in said for scope in SCOPES)


def test_scopes_must_be_given() -> None:
    result = RUNNER.invoke(app, ["create", "shop", "--namespace", "default"])
    assert result.exit_code == 2


@pytest.mark.parametrize("name", ["", "a\nb", "a" * 256])
def test_the_name_of_a_key_must_be_printable(name: str) -> None:
    assert create(name=name)[0] == 2
