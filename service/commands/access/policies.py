"""Reads quotas, retention and redaction of a namespace from the command line."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from service.api.schemas.tenants import NamespaceChangesIn, QuotasIn, given_quotas
from service.domain.phrases import phrase
from service.domain.tenant import QUOTAS

NONE = "none"
Model = TypeVar("Model", bound=BaseModel)
QuotaOption = Annotated[
    list[str] | None,
    typer.Option("--quota", help=f"NAME=NUMBER or NAME=none; repeatable. Names: {', '.join(QUOTAS)}."),
]
RetentionOption = Annotated[
    str | None,
    typer.Option(
        "--retention-seconds",
        help="Retention of jobs for which neither the client nor the job type sets one; none = the default.",
    ),
]
RedactOption = Annotated[
    list[str] | None,
    typer.Option(
        "--redact",
        help="JSON pointer to hide in payloads and results of all jobs; repeatable; none = hide nothing.",
    ),
]


def read_quotas(texts: list[str] | None) -> dict[str, int | None]:
    """Those that are given."""
    found: dict[str, Any] = {}
    for text in texts or []:
        name, _, number = text.partition("=")
        if name not in QUOTAS:
            message = f"unknown quota {name!r}: use one of {', '.join(QUOTAS)}"
            raise typer.BadParameter(message, param_hint="--quota")
        if number != NONE and not (number.isascii() and number.isdecimal()):
            message = f"invalid quota {text!r}: write {name}=NUMBER, or {name}=none for no limit"
            raise typer.BadParameter(message, param_hint="--quota")
        found[name] = None if number == NONE else int(number)
    return given_quotas(_checked("--quota", lambda: QuotasIn.model_validate(found)))


def read_retention(text: str | None) -> float | None:
    """None for `none` and without a text."""
    if text is None or text == NONE:
        return None
    fields = {"retention_seconds": text}
    # A text from the command line, so not strictly.
    return _checked(
        "--retention-seconds", lambda: NamespaceChangesIn.model_validate(fields, strict=False)
    ).retention_seconds


def read_pointers(texts: list[str] | None) -> tuple[str, ...]:
    fields = {"redact": [text for text in texts or [] if text != NONE]}
    found = _checked("--redact", lambda: NamespaceChangesIn.model_validate(fields))
    return tuple(found.redact or ())


def _checked(option: str, read: Callable[[], Model]) -> Model:
    try:
        return read()
    except ValidationError as error:
        (row, *_) = error.errors()
        at = f"{row['loc'][0]} " if option == "--quota" else ""
        raise typer.BadParameter(f"{at}{phrase(dict(row))}", param_hint=option) from error
