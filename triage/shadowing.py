"""Finds packages of a user's own that Python would import instead of `service` or `workers`."""

import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path

#: Where our packages are: beside this one.
ROOT = Path(__file__).resolve().parent.parent


def find_shadow(path: Sequence[str] | None = None) -> str | None:
    """A sentence about the first package that is shadowed on `path` (default: sys.path), or None."""
    for name in ("service", "workers"):
        spec = PathFinder.find_spec(name, sys.path if path is None else path)
        # A folder without __init__.py has no origin, and gives way to a package that has one.
        if spec is None or spec.origin is None:
            continue
        found = Path(spec.origin).resolve()
        if found != ROOT / name / "__init__.py":
            return (
                f"{found} shadows Triage's own package {name!r}; rename it, or move it off the import path."
            )
    return None
