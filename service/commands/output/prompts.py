"""Questions before actions that nothing can undo."""

import sys
from typing import Annotated

import typer

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


def confirm(question: str, yes: bool) -> None:
    """Ask on a terminal; a script that names one resource means it."""
    if not yes and _is_terminal() and not typer.confirm(question, err=True):
        raise typer.Abort()


def confirm_many(question: str, yes: bool) -> None:
    """Ask on a terminal; a script must say --yes before it changes more than it names."""
    if yes:
        return
    if not _is_terminal():
        raise typer.BadParameter("required when no terminal can ask for confirmation", param_hint="--yes")
    confirm(question, yes)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
