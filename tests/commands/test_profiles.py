"""Where a command gets the address and the key of the API."""

from pathlib import Path

import pytest

from service.commands.profiles import load
from service.commands.target import Target, resolve
from service.domain.errors import ConfigurationInvalid
from tests.commands.conftest import run

FILE = """
default = "local"
[profiles.local]
url = "http://127.0.0.1:9000"
[profiles.prod]
url = "https://triage.example"
key_command = "echo from-command"
[profiles.staging]
url = "https://staging.example"
key = "from-file"
"""
STAGING = ("https://staging.example", "from-file", "staging")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    write(tmp_path, FILE)
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def write(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "triage" / "config.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("options", "variables", "expected"),
    [
        ((None, None, None), {}, ("http://127.0.0.1:9000", "", "local")),
        ((None, None, "prod"), {}, ("https://triage.example", "from-command", "prod")),
        ((None, None, None), {"TRIAGE_PROFILE": "staging"}, STAGING),
        # An option comes before a variable.
        ((None, None, "staging"), {"TRIAGE_PROFILE": "prod"}, STAGING),
        ((None, None, "staging"), {"TRIAGE_URL": "http://x", "TRIAGE_API_KEY": "k"}, STAGING),
        ((None, "mine", "staging"), {}, ("https://staging.example", "mine", "staging")),
        (("http://y", None, "staging"), {}, ("http://y", "from-file", "staging")),
        # A key of a profile is not sent to an address from elsewhere.
        ((None, None, None), {"TRIAGE_URL": "http://x", "TRIAGE_PROFILE": "staging"}, ("http://x", "", None)),
        (("http://y", None, None), {"TRIAGE_API_KEY": "k"}, ("http://y", "k", None)),
        ((None, None, None), {"TRIAGE_API_KEY": "k"}, ("http://127.0.0.1:9000", "k", "local")),
    ],
)  # fmt: skip
def test_options_come_before_variables_before_the_default_profile(
    environment: dict[str, str],
    options: tuple[str | None, str | None, str | None],
    variables: dict[str, str],
    expected: tuple[str, str, str | None],
) -> None:
    assert resolve(*options, {**environment, **variables}) == Target(*expected)


def test_without_a_file_there_are_no_profiles(tmp_path: Path) -> None:
    assert resolve(None, None, None, {"HOME": str(tmp_path)}) == Target(None, "")
    with pytest.raises(ConfigurationInvalid, match=r"unknown profile 'prod' in .*; it has none"):
        resolve(None, None, "prod", {"HOME": str(tmp_path)})


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    file = write(tmp_path, FILE, mode)
    ended = run(("queues",), {"XDG_CONFIG_HOME": str(tmp_path)})
    assert (ended.code, ended.out) == (78, "")
    assert ended.err.endswith(f"it may contain keys; run: chmod 600 {file}\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[profiles", "config.toml: "),
        ("profile = 1", "unknown member 'profile' at the top level; known ones are default, profiles"),
        ("profiles = 1", r"write profiles as \[profiles.NAME\]"),
        ("[profiles]\nx = 1", r"write profiles as \[profiles.NAME\]"),
        ("[profiles.x]\nuri = 'http://x'", "unknown member 'uri' in profile x"),
        ("[profiles.x]\nurl = 7", "url in profile x must be a text"),
        ("[profiles.x]\nkey = 'a'\nkey_command = 'b'", "set either key or key_command in profile x"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=said):
        load(write(tmp_path, text))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("exit 3", "failed with status 3"),
        ("true", "must print one line, the key"),
        ("printf 'a\\\\nb'", "must print one line, the key"),
    ],
)
def test_a_key_command_that_prints_no_key_is_explained(tmp_path: Path, command: str, said: str) -> None:
    write(tmp_path, f'[profiles.x]\nkey_command = "{command}"')
    ended = run(("queues", "--profile", "x"), {"XDG_CONFIG_HOME": str(tmp_path)})
    assert (ended.code, ended.err.startswith("triage: profile x: its key_command ")) == (78, True)
    assert said in ended.err


def test_options_before_the_command_count_too(environment: dict[str, str]) -> None:
    for arguments in (("--profile", "nix", "queues"), ("queues", "--profile", "nix", "get", "x")):
        ended = run(arguments, environment)
        assert (ended.code, "unknown profile 'nix'" in ended.err) == (78, True), arguments
        assert "it has: local, prod, staging" in ended.err
