"""Profiles: addresses of installations and their keys, from ~/.config/triage/config.toml."""

import os
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from service.domain.errors import ConfigurationInvalid

#: How long a profile's `key_command` may take, in seconds; it may ask for a passphrase.
KEY_COMMAND_SECONDS = 120.0
_MEMBERS = {"url", "key", "key_command"}


@dataclass(frozen=True, slots=True)
class Profile:
    """`key_command` is a shell command that prints the key."""

    name: str
    url: str | None
    key: str | None = None
    key_command: str | None = None

    def secret(self) -> str:
        """The API key; empty without one. Raises ConfigurationInvalid if the command fails."""
        if self.key_command is None:
            return self.key or ""
        try:
            # The command may read from the terminal and explain itself on standard error.
            run = subprocess.run(
                self.key_command,
                shell=True,
                stdout=subprocess.PIPE,
                timeout=KEY_COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            problem = f"did not end within {KEY_COMMAND_SECONDS:g} s"
            raise ConfigurationInvalid(f"profile {self.name}: its key_command {problem}") from None
        key = run.stdout.decode(errors="replace").strip()
        if run.returncode != 0:
            raise ConfigurationInvalid(
                f"profile {self.name}: its key_command failed with status {run.returncode}"
            )
        if not key or len(key.splitlines()) > 1:
            raise ConfigurationInvalid(f"profile {self.name}: its key_command must print one line, the key")
        return key


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles of a file; `default` is used when no other one is chosen."""

    path: Path
    rows: Mapping[str, Profile]
    default: str | None = None

    def choose(self, name: str | None) -> Profile | None:
        """The profile of this name, or the default. Raises ConfigurationInvalid for an unknown name."""
        name = name or self.default
        if name is None:
            return None
        if name not in self.rows:
            known = f"it has: {', '.join(sorted(self.rows))}" if self.rows else "it has none"
            raise ConfigurationInvalid(f"unknown profile {name!r} in {self.path}; {known}")
        return self.rows[name]


def path_of(environment: Mapping[str, str]) -> Path:
    base = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME") or "~").expanduser() / ".config"
    return Path(base) / "triage" / "config.toml"


def load(path: Path) -> Profiles:
    """Read the file; without one, there are no profiles. Raises ConfigurationInvalid."""
    import tomllib

    try:
        with path.open("rb") as file:
            _check_owner(path, os.fstat(file.fileno()))
            document = tomllib.load(file)
    except FileNotFoundError:
        return Profiles(path, {})
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationInvalid(f"{path}: {error}") from error
    _check_members(path, "at the top level", document, {"default", "profiles"})
    rows = document.get("profiles", {})
    default = document.get("default")
    if not isinstance(rows, dict) or not isinstance(default, str | None):
        raise ConfigurationInvalid(f"{path}: write profiles as [profiles.NAME], and default as a name")
    return Profiles(
        path, {name: _profile(path, name, row) for name, row in cast("dict[str, Any]", rows).items()}, default
    )


def _check_owner(path: Path, status: os.stat_result) -> None:
    """The file has keys, and commands that run: only its owner may read or write it."""
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigurationInvalid(f"{path}: it belongs to another user")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigurationInvalid(
            f"{path}: other users have access to it, and it may contain keys; run: chmod 600 {path}"
        )


def _profile(path: Path, name: str, row: Any) -> Profile:
    where = f"in profile {name}"
    if not isinstance(row, dict):
        raise ConfigurationInvalid(f"{path}: write profiles as [profiles.NAME]")
    found = cast("dict[str, Any]", row)
    _check_members(path, where, found, _MEMBERS)
    if wrong := [member for member, value in found.items() if not isinstance(value, str) or not value]:
        raise ConfigurationInvalid(f"{path}: {wrong[0]} {where} must be a text")
    if "key" in found and "key_command" in found:
        raise ConfigurationInvalid(f"{path}: set either key or key_command {where}")
    return Profile(name, found.get("url"), found.get("key"), found.get("key_command"))


def _check_members(path: Path, where: str, found: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(found) - known):
        raise ConfigurationInvalid(
            f"{path}: unknown member {unknown[0]!r} {where}; known ones are {', '.join(sorted(known))}"
        )
