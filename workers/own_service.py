"""Imported before `service`: exits with 78 if another package shadows it.

triage.shadowing does the same for the `triage` command. This is for arq's command, which starts in
workers.main: `workers` does not import `triage`, and `triage` cannot rely on `workers`, which may also be
shadowed.
"""

import sys
from importlib.machinery import PathFinder
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_EXIT_CONFIGURATION = 78

_spec = PathFinder.find_spec("service", sys.path)
if _spec is not None and _spec.origin is not None:
    _found = Path(_spec.origin).resolve()
    if _found != _ROOT / "service" / "__init__.py":
        sys.stderr.write(
            f"triage: {_found} shadows Triage's own package 'service';"
            " rename it, or move it off the import path.\n"
        )
        raise SystemExit(_EXIT_CONFIGURATION)
