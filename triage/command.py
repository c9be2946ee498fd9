"""The `triage` command."""

import os
import sys

from triage.shadowing import find_shadow

EXIT_CONFIGURATION = 78


def main() -> None:
    """Run the command line; exit with 78 if another package shadows `service` or `workers`."""
    # The processes that `triage dev` starts search the current directory first.
    path = [os.getcwd(), *sys.path] if sys.argv[1:2] == ["dev"] else sys.path
    if message := find_shadow(path):
        sys.stderr.write(f"triage: {message}\n")
        raise SystemExit(EXIT_CONFIGURATION)
    from service.cli import main as run

    run()
