"""`triage keys`."""

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Concatenate, ParamSpec

import typer

from service.api.auth.key_issuing import KeySpec
from service.clock import Clock
from service.commands.access.key_places import Document, KeyPlace, open_keys
from service.commands.completion import api_keys
from service.commands.connection import with_address
from service.commands.output.details import Details
from service.commands.output.documents import print_document
from service.commands.output.listing import Json, Listing, Row
from service.commands.output.times import both, exact, moment
from service.commands.tables import Table, printable, table_of
from service.domain.access_key import MAX_NAME, MAX_OVERLAP, MAX_RESTRICTIONS, SCOPES, Reach
from service.domain.job_spec import NAME
from service.domain.tenant import NAMESPACE_PATTERN

P = ParamSpec("P")
KeyId = Annotated[str, typer.Argument(metavar="ID", autocompletion=api_keys)]
_VALID_SCOPES = f"Valid scopes: {', '.join(SCOPES)}."
_NAMESPACE_RULE = "use 1 to 64 letters, digits and . _ -, beginning with a letter or digit"
#: A key's life at most, in days.
_MAX_DAYS = 36_500

app = typer.Typer(no_args_is_help=True)


def _placed(command: Callable[Concatenate[KeyPlace, P], None]) -> Callable[..., None]:
    return with_address(command, open_keys)


@app.command()
@_placed
def create(
    place: KeyPlace,
    name: str,
    scopes: Annotated[str, typer.Option(help=f"One or more of these, comma-separated: {', '.join(SCOPES)}.")],
    namespace: Annotated[
        str | None, typer.Option(help="The namespace of the key; over the API, always the caller's.")
    ] = None,
    queues: Annotated[
        str | None, typer.Option(help="The only queues that the key may use, comma-separated.")
    ] = None,
    names: Annotated[
        str | None, typer.Option(help="The only job types that the key may use, comma-separated.")
    ] = None,
    expires_days: Annotated[
        float | None, typer.Option(min=0, max=_MAX_DAYS, help="Days until the key expires; default: never.")
    ] = None,
    json: Json = False,
) -> None:
    """Create a key. Its secret is shown once and never stored."""
    wanted = _words(scopes)
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise typer.BadParameter(f"unknown scope: {unknown[0]}. {_VALID_SCOPES}", param_hint="--scopes")
    if not wanted:
        raise typer.BadParameter(f"a key needs at least one scope. {_VALID_SCOPES}", param_hint="--scopes")
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise typer.BadParameter(f"use 1 to {MAX_NAME} printable characters", param_hint="NAME")
    reach = Reach.of(_restriction(queues, "--queues"), _restriction(names, "--names"))
    expires_at = None if expires_days is None else Clock().now_ms() + round(expires_days * 86_400_000)
    _show(place.create(KeySpec(name, _namespace(place, namespace), wanted, reach, expires_at)), json)


def _namespace(place: KeyPlace, given: str | None) -> str:
    if not place.needs_namespace:
        if given is not None:
            message = (
                "only where TRIAGE_REDIS_URL is set; over the API, a key has the namespace of its creator"
            )
            raise typer.BadParameter(message, param_hint="--namespace")
        return ""
    if given is None:
        raise typer.BadParameter("required, because Redis has all namespaces", param_hint="--namespace")
    if not re.fullmatch(NAMESPACE_PATTERN, given):
        raise typer.BadParameter(f"invalid namespace {given!r}: {_NAMESPACE_RULE}", param_hint="--namespace")
    return given


@app.command(name="list")
@_placed
def list_keys(
    place: KeyPlace,
    namespace: Annotated[str | None, typer.Option(help="Only the keys of this namespace.")] = None,
    json: Json = False,
) -> None:
    """List keys without their secrets."""
    Listing(lambda: place.list(namespace), keys_table).show(json)


def keys_table(rows: Iterable[Row]) -> Table:
    table = table_of("id", "name", "namespace", "scopes", "restricted to", "expires", "last used")
    for row in rows:
        table.add_row(
            row["id"],
            row["name"],
            row["namespace"],
            " ".join(row["scopes"]),
            _restrictions(row) or "-",
            moment(row["expires_at"]) or "never",
            moment(row["last_used_at"]) or "never",
        )
    return table


@app.command()
@_placed
def get(place: KeyPlace, id: KeyId, json: Json = False) -> None:
    """Show a key without its secret."""
    key = place.get(id)
    if json:
        print_document(key)
        return
    details = Details()
    details.add_line(f"{key['id']}  {printable(key['name'])}")
    details.add("namespace", key["namespace"])
    details.add("scopes", " ".join(key["scopes"]))
    details.add("restricted", _restrictions(key) or "to nothing: all queues and job types")
    by = f" by {printable(key['created_by'])}" if key.get("created_by") else ""
    details.add("created", both(key["created_at"]) + by)
    details.add("expires", both(key["expires_at"]) or "never")
    if key.get("rotated_at"):
        details.add("rotated", both(key["rotated_at"]))
    if key.get("previous_expires_at"):
        details.add("old secret", f"until {exact(key['previous_expires_at'])}")
    details.add("last used", both(key["last_used_at"]) or "never")
    details.show()


@app.command()
@_placed
def rotate(
    place: KeyPlace,
    id: KeyId,
    overlap_seconds: Annotated[
        float, typer.Option(min=0, max=MAX_OVERLAP, help="How long the old secret stays valid.")
    ] = 0,
    json: Json = False,
) -> None:
    """Give a key a new secret, which is shown once. ID, scopes and restrictions stay."""
    _show(place.rotate(id, overlap_seconds), json)


@app.command()
@_placed
def revoke(place: KeyPlace, id: KeyId, json: Json = False) -> None:
    """Revoke a key. API processes may accept it for up to five more seconds."""
    place.revoke(id)
    if json:
        print_document({"id": id, "revoked": True})
    else:
        typer.echo(f"Revoked {id}.")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _restriction(text: str | None, option: str) -> list[str] | None:
    if text is None:
        return None
    words = _words(text)
    if not 1 <= len(words) <= MAX_RESTRICTIONS:
        raise typer.BadParameter(f"give 1 to {MAX_RESTRICTIONS} names", param_hint=option)
    for word in words:
        if not re.fullmatch(NAME.pattern, word):
            raise typer.BadParameter(f"invalid name {word!r}: use {NAME.rule}", param_hint=option)
    return words


def _restrictions(key: Row) -> str:
    parts = (("queues", key["queues"]), ("job types", key["names"]))
    return "; ".join(f"{what} {' '.join(names)}" for what, names in parts if names)


def _show(issued: Document, json: bool) -> None:
    if json:
        print_document(issued)
        return
    head = f"{issued['id']} for namespace {issued['namespace']}."
    typer.echo(f"{head} The key is shown only once:\n{issued['key']}")
