"""Finds the methods that a path allows; Starlette itself only considers the first route that matches.

It reads the routes, because building the API document would hold up the event loop for a second.
"""

import re
from collections.abc import Iterable
from typing import Any


def documented_paths(routes: Iterable[Any]) -> dict[str, set[str]]:
    """The methods of each path in the API document."""
    paths: dict[str, set[str]] = {}
    for route in routes:
        if getattr(route, "include_in_schema", False):
            paths.setdefault(route.path, set()).update(route.methods)
    return paths


def allowed_methods(routes: Iterable[Any], path: str) -> list[str]:
    """A literal path hides a template: `bulk` is not a job id."""
    paths = documented_paths(routes)
    methods = set(paths.get(path, ()))
    if not methods:
        for template, allowed in paths.items():
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
                methods |= allowed
    return sorted(methods)


def is_literal(routes: Iterable[Any], path: str) -> bool:
    """Whether a path is in the API document as it is, even if the route of a template matched it."""
    return "{" not in path and path in documented_paths(routes)
