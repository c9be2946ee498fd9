"""The generated files of the clients."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tools.client_problems import client_problems
from tools.client_sync import client_sync, names
from tools.client_types import client_types
from tools.client_typescript import client_typescript
from tools.reference import error_texts

FOLDER = "clients/python/triage_client"


def files(document: Callable[[], Mapping[str, Any]]) -> dict[str, Callable[[], str]]:
    """Each with the function that writes it."""
    return {
        "clients/typescript/src/types.ts": lambda: client_typescript(document()),
        f"{FOLDER}/types.py": lambda: client_types(document()),
        f"{FOLDER}/problems.py": lambda: client_problems(error_texts()),
        **{f"{FOLDER}/_sync/{name}": partial(client_sync, name) for name in names()},
    }
