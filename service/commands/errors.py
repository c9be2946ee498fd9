"""Opens the client, and turns its errors into one or two lines and an exit code."""

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import typer

from service import exit_codes
from service.commands.tables import printable
from service.commands.target import Target
from triage_client import ApiError, NoResponse, Triage, TriageError, UnexpectedResponse

#: The timeout of a request without a long poll, and how often a failed one is repeated.
SECONDS, RETRIES = 12.0, 2
#: Statuses of a proxy, and of the API, after which the same request may succeed later.
LATER = (429, 502, 503, 504)
#: What to do, by the code of the problem.
_HINTS = {
    "unauthenticated": "Set TRIAGE_API_KEY or --key, or use a profile. `triage keys create` makes a key.",
    "backend_unavailable": "The API cannot use its Redis; its log and /readyz say why.",
}


@contextmanager
def open_client(target: Target, seconds: float = SECONDS, retries: int = RETRIES) -> Generator[Triage]:
    """Raises ConfigurationError."""
    with Triage(target.url, target.key, timeout=seconds, max_retries=retries) as triage:
        yield triage


@contextmanager
def explained() -> Generator[None]:
    """End the command with an explanation if the API refused, or cannot be reached."""
    try:
        yield
    except TriageError as error:
        complain(error)
        raise typer.Exit(exit_codes.REFUSED) from error


def complain(error: TriageError) -> None:
    """Say on standard error what is wrong, and what to do."""
    sys.stderr.write("".join(f"{line}\n" for line in lines_of(error)))


def lines_of(error: TriageError) -> Iterator[str]:
    match error:
        case ApiError():
            yield f"triage: {error.status} {printable(error.code)}: {printable(error.detail)}"
            for row in error.errors:
                # The detail already has the first one.
                if str(row.get("message")) not in error.detail:
                    yield f"  {printable(str(row.get('pointer')))}: {printable(str(row.get('message')))}"
            if hint := _HINTS.get(error.code):
                yield f"  {hint}"
        case _:
            yield f"triage: {printable(str(error))}"
            if isinstance(error, NoResponse):
                yield "  `triage dev` starts an API here; --url, TRIAGE_URL or a profile names another one."


def is_temporary(error: Exception) -> bool:
    """Whether the same read may succeed later."""
    match error:
        case ApiError() | UnexpectedResponse():
            return error.status in LATER
        case _:
            return isinstance(error, NoResponse)
