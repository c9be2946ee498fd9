"""Finds the methods that a path allows; Starlette itself only considers the first route that matches."""

import re
from typing import Any


def allowed_methods(paths: dict[str, Any], path: str) -> list[str]:
    """By path of the API document. A literal path hides a template: `bulk` is not a job id."""
    item: dict[str, Any] = dict(paths.get(path, {}))
    if not item:
        for template, operations in paths.items():
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
                item |= operations
    return sorted(method.upper() for method in item)
