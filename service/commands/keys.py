"""`triage keys`: manages API keys directly in Redis, so that the first one needs no key."""

import os
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import orjson
import typer

from service.api.auth.key_issuing import Issued, KeyIssuer, KeySpec
from service.api.responses.rendering import time
from service.clock import Clock
from service.commands.direct import with_redis
from service.commands.tables import print_table, table_of
from service.domain.access_key import MAX_NAME, MAX_OVERLAP, MAX_RESTRICTIONS, SCOPES, AccessKey, Reach
from service.domain.errors import NotFound, QuotaExceeded
from service.domain.ids import IdFactory
from service.domain.job_spec import NAME
from service.domain.tenant import NAMESPACE_PATTERN
from service.store.access_keys import AccessKeys

app = typer.Typer(no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Result = TypeVar("Result")
_VALID_SCOPES = f"Valid scopes: {', '.join(SCOPES)}."
_NAMESPACE_RULE = "use 1 to 64 letters, digits and . _ -, beginning with a letter or digit"
#: A key's life at most, in days.
_MAX_DAYS = 36_500


@app.command()
def create(
    name: str,
    namespace: Annotated[str, typer.Option(help="The namespace of the key.")],
    scopes: Annotated[str, typer.Option(help=f"One or more of these, comma-separated: {', '.join(SCOPES)}.")],
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
    if not re.fullmatch(NAMESPACE_PATTERN, namespace):
        message = f"invalid namespace {namespace!r}: {_NAMESPACE_RULE}"
        raise typer.BadParameter(message, param_hint="--namespace")
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise typer.BadParameter(f"use 1 to {MAX_NAME} printable characters", param_hint="NAME")
    reach = Reach.of(_restriction(queues, "--queues"), _restriction(names, "--names"))
    expires_at = None if expires_days is None else Clock().now_ms() + round(expires_days * 86_400_000)
    spec = KeySpec(name, namespace, wanted, reach, expires_at)
    _show(_with_issuer(lambda issuer: issuer.create(spec)), json)


@app.command(name="list")
def list_keys(
    namespace: Annotated[str | None, typer.Option(help="Only the keys of this namespace.")] = None,
    json: Json = False,
) -> None:
    """List keys without their secrets."""
    found = [key for key in _with_keys(lambda keys: keys.list()) if namespace in (None, key.namespace)]
    if json:
        typer.echo(orjson.dumps([_row(key) for key in found]).decode())
        return
    table = table_of("id", "name", "namespace", "scopes", "restricted to", "expires", "last used")
    for key in found:
        table.add_row(
            key.id,
            key.name,
            key.namespace,
            " ".join(sorted(key.scopes)),
            _restrictions(key.reach),
            time(key.expires_at) or "never",
            time(key.last_used_at) or "never",
        )
    print_table(table)


@app.command()
def rotate(
    id: str,
    overlap_seconds: Annotated[
        float, typer.Option(min=0, max=MAX_OVERLAP, help="How long the old secret stays valid.")
    ] = 0,
    json: Json = False,
) -> None:
    """Give a key a new secret, which is shown once. ID, scopes and restrictions stay."""
    _show(_with_issuer(lambda issuer: issuer.rotate(id, round(overlap_seconds * 1000)), id), json)


@app.command()
def revoke(id: str) -> None:
    """Revoke a key. API processes may accept it for up to five more seconds."""
    _with_issuer(lambda issuer: issuer.revoke(id), id)
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


def _restrictions(reach: Reach | None) -> str:
    parts = (("queues", reach and reach.queues), ("job types", reach and reach.names))
    return "; ".join(f"{what} {' '.join(sorted(names))}" for what, names in parts if names) or "-"


def _row(key: AccessKey) -> dict[str, Any]:
    reach = key.reach or Reach()
    return {
        "id": key.id,
        "name": key.name,
        "namespace": key.namespace,
        "scopes": sorted(key.scopes),
        "queues": None if reach.queues is None else sorted(reach.queues),
        "names": None if reach.names is None else sorted(reach.names),
        "created_at": time(key.created_at),
        "expires_at": time(key.expires_at),
        "last_used_at": time(key.last_used_at),
    }


def _show(issued: Issued, json: bool) -> None:
    key = issued.key
    if json:
        typer.echo(orjson.dumps({**_row(key), "key": issued.secret}).decode())
    else:
        typer.echo(f"{key.id} for namespace {key.namespace}. The key is shown only once:\n{issued.secret}")


def _with_issuer(use: Callable[[KeyIssuer], Awaitable[Result]], id: str = "") -> Result:
    clock = Clock()
    try:
        return _with_keys(lambda keys: use(KeyIssuer(keys, clock, IdFactory(clock.now_ms, os.urandom))))
    except NotFound:
        typer.echo(f"triage: unknown key {id}", err=True)
        raise typer.Exit(1) from None
    except QuotaExceeded as error:
        typer.echo(f"triage: {error.message} Revoke keys that are not in use.", err=True)
        raise typer.Exit(1) from None


def _with_keys(use: Callable[[AccessKeys], Awaitable[Result]]) -> Result:
    return with_redis(lambda redis: use(AccessKeys(redis)), (NotFound, QuotaExceeded))
