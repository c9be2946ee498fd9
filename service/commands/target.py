"""Where the API is: options, variables and profiles."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import typer

from service.commands import profiles

#: The address of a profile without one: it must not come from TRIAGE_URL.
DEFAULT_URL = "http://127.0.0.1:8080"


def _profile_names(incomplete: str) -> list[str]:
    # A shell shows whatever is printed, so every problem means: no names.
    with suppress(Exception):
        rows = profiles.load(profiles.path_of(os.environ)).rows
        return [name for name in rows if name.startswith(incomplete)]
    return []


Url = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="URL", help="The API's address; by default TRIAGE_URL, else the profile's."
    ),
]
Key = Annotated[
    str | None,
    typer.Option("--key", metavar="KEY", help="API key; by default the profile's, else TRIAGE_API_KEY."),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="A profile of the configuration file; also TRIAGE_PROFILE.",
        autocompletion=_profile_names,
    ),
]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the API is; `url` is None for the client's default."""

    url: str | None
    key: str
    profile: str | None = None


def resolve(url: str | None, key: str | None, profile: str | None, environment: Mapping[str, str]) -> Target:
    """Options come first, then --profile, then variables, then TRIAGE_PROFILE or the file's default.

    Raises ConfigurationInvalid. A profile that is not used is not read: its key belongs to its address.
    """
    variable = environment.get("TRIAGE_URL") or None
    variable_key = environment.get("TRIAGE_API_KEY", "")
    if profile is None and (url or variable):
        return Target(url or variable, variable_key if key is None else key)
    found = profiles.load(profiles.path_of(environment))
    chosen = found.choose(profile or environment.get("TRIAGE_PROFILE") or None)
    if chosen is None:
        return Target(url, variable_key if key is None else key)
    secret = key if key is not None else chosen.secret() or variable_key
    return Target(url or chosen.url or DEFAULT_URL, secret, chosen.name)


def options_of(ctx: typer.Context) -> dict[str, str | None]:
    """--url, --key and --profile of a command, or those before it."""
    found: dict[str, str | None] = {}
    while ctx is not None:  # pyright: ignore[reportUnnecessaryComparison]
        for name in ("url", "key", "profile"):
            found[name] = found.get(name) or ctx.params.get(name)
        ctx = ctx.parent  # pyright: ignore[reportAssignmentType]
    return found


def target_of(ctx: typer.Context) -> Target:
    """Where the API is, by the options of a command, and those before it."""
    found = options_of(ctx)
    return resolve(found["url"], found["key"], found["profile"], os.environ)
