"""The names of the variables that look like settings."""

import os
import sys
from collections.abc import Iterable

from dotenv import dotenv_values

from service.domain.similar import did_you_mean
from service.service_links import without_service_links

PREFIX = "TRIAGE_"
#: Variables of the client commands, which may also be set where processes start.
OF_CLIENTS = {"TRIAGE_URL", "TRIAGE_API_KEY", "TRIAGE_PROFILE"}


def search_current_folder() -> None:
    """Import modules of the current folder as well, after all others, as arq's command does."""
    if (folder := os.getcwd()) not in sys.path:
        sys.path.append(folder)


def unknown_settings(fields: Iterable[str]) -> list[str]:
    """A sentence for each variable with the prefix that is not one of the `fields`."""
    given = {name.upper() for name in (*without_service_links(os.environ), *dotenv_values(".env"))}
    known = {PREFIX + name.upper() for name in fields}
    unknown = sorted({name for name in given if name.startswith(PREFIX)} - OF_CLIENTS - known)
    return [sentence(f"{name}: unknown setting{did_you_mean(name, known)}") for name in unknown]


def sentence(text: str) -> str:
    """The text with its full stop."""
    return text if text.endswith("?") else f"{text}."
