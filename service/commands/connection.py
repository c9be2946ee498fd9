"""How commands reach the API: a decorator that gives them a client, and documents whose shape is checked."""

import inspect
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from urllib.parse import quote

import typer

from service.commands.errors import explained, open_client
from service.commands.target import Key, Profile, Target, Url, target_of
from triage_client import Triage, UnexpectedResponse
from triage_client._core.requests import Request
from triage_client._core.responses import check_media_type

P = ParamSpec("P")
T = TypeVar("T")
#: The items of a page.
PAGE = 200


class Api:
    """The API's documents. Each is checked to have the members that its reader needs."""

    def __init__(self, triage: Triage, target: Target) -> None:
        self.triage = triage
        self.target = target

    @property
    def address(self) -> str:
        return self.triage.url

    def read(self, place: str, needs: tuple[str, ...] = (), **parameters: Any) -> Any:
        return self.send("GET", place, needs, parameters=parameters)

    def send(
        self, method: str, place: str, needs: tuple[str, ...] = (), body: Any = None, **options: Any
    ) -> Any:
        """The response's document; None for an empty response. It must be safe to send the request twice.

        `wait` is how long the API may take because of a long poll, in seconds.
        """
        return self.triage.http.json(method, place, body=body, needs=needs, **options)

    def rows(
        self, place: str, needs: tuple[str, ...], limit: int | None = None, **parameters: Any
    ) -> Iterator[Any]:
        """The items of all pages, at most `limit`."""
        cursor, left = None, limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            page = self.read(place, ("items", "next_cursor"), **parameters, limit=size, cursor=cursor)
            check_members(f"{self.address}{place} responded with unexpected rows", page["items"], needs)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return
            left = None if left is None else left - len(page["items"])

    def text(self, place: str, media_type: str) -> str:
        """A response that is not JSON."""
        with self.triage.http.stream(Request("GET", place, headers={"Accept": media_type})) as response:
            response.read()
            check_media_type(response, media_type)
            return response.text


def check_members(what: str, rows: Any, needs: tuple[str, ...]) -> None:
    """Raises UnexpectedResponse unless each row has the members that its reader needs."""
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and all(name in row for name in needs) for row in cast("list[Any]", rows)
    ):
        raise UnexpectedResponse(f"{what}, which is not from Triage: check the URL", 200)


def place(template: str, *parts: str) -> str:
    """The path of a resource; its ids and names, in place of the {}, are escaped."""
    for part in parts:
        if part in ("", ".", ".."):
            raise typer.BadParameter(f"{part!r} is neither an ID nor a name")
    return template.format(*(quote(part, safe="") for part in parts))


@contextmanager
def open_api(ctx: typer.Context) -> Generator[Api]:
    """The API that the options, variables and profiles name. Its errors end the command."""
    target = target_of(ctx)
    with explained(), open_client(target) as triage:
        yield Api(triage, target)


def connected(command: Callable[Concatenate[Api, P], None]) -> Callable[..., None]:
    """A command with --url, --key and --profile, which gets the API as its first argument."""
    return with_address(command, open_api)


def with_address(
    command: Callable[Concatenate[T, P], None],
    place_of: Callable[[typer.Context], AbstractContextManager[T]],
) -> Callable[..., None]:
    """A command with --url, --key and --profile, whose first argument is what `place_of` makes of them.

    The options may also stand before the command. The default command of a group does nothing if another one
    follows.
    """
    signature = inspect.signature(command, eval_str=True)
    _, *own = signature.parameters.values()
    parameters = [row for row in own if row.name != "ctx"] + [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in (("url", Url), ("key", Key), ("profile", Profile))
    ]
    parameters.append(inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context))

    @wraps(command)
    def run(**given: Any) -> None:
        ctx: typer.Context = given.pop("ctx")
        if ctx.invoked_subcommand is not None:
            return
        for name in ("url", "key", "profile"):
            del given[name]
        with place_of(ctx) as first:
            command(first, **given)  # pyright: ignore[reportCallIssue]

    setattr(run, "__signature__", signature.replace(parameters=parameters))  # noqa: B010
    run.__annotations__ = {row.name: row.annotation for row in parameters}
    return run
