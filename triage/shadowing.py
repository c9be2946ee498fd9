"""Finds other packages that Python would import instead of `service` or `workers`."""

import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path

#: The folder of our packages, including this one.
ROOT = Path(__file__).resolve().parent.parent


def find_shadow(path: Sequence[str] | None = None) -> str | None:
    """A sentence about the first package that is shadowed on `path` (default: sys.path), or None."""
    for name in ("service", "workers"):
        spec = PathFinder.find_spec(name, sys.path if path is None else path)
        # A folder without __init__.py has no origin, and a package with one takes precedence.
        if spec is None or spec.origin is None:
            continue
        found = Path(spec.origin).resolve()
        if found != ROOT / name / "__init__.py":
            return (
                f"{found} shadows Triage's own package {name!r}; rename it, or move it off the import path."
            )
    return None
