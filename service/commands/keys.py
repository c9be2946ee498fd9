"""`triage keys`: creates and revokes API keys directly in Redis, so that the first one needs no key."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import orjson
import typer

from service.api.auth.credentials import SCOPES, digest, new_secret
from service.clock import Clock
from service.commands.tables import print_table, table_of
from service.domain.access_key import AccessKey
from service.domain.errors import BackendUnavailable, ConfigurationInvalid, TriageError
from service.domain.ids import IdFactory
from service.settings import NAMESPACE_PATTERN, load_settings
from service.store.access_keys import AccessKeys
from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer
from service.store.redis.server_check import check_server

app = typer.Typer(no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Result = TypeVar("Result")
_VALID_SCOPES = f"Valid scopes: {', '.join(SCOPES)}."
#: The most characters of a key's name.
MAX_NAME = 255


@app.command()
def create(
    name: str,
    namespace: Annotated[str, typer.Option(help="The namespace of the key.")],
    scopes: Annotated[str, typer.Option(help=f"One or more of these, comma-separated: {', '.join(SCOPES)}.")],
    json: Json = False,
) -> None:
    """Create a key. Its secret is shown once and never stored."""
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise typer.BadParameter(f"unknown scope: {unknown[0]}. {_VALID_SCOPES}", param_hint="--scopes")
    if not wanted:
        raise typer.BadParameter(f"a key needs at least one scope. {_VALID_SCOPES}", param_hint="--scopes")
    if not re.fullmatch(NAMESPACE_PATTERN, namespace):
        message = "use 1 to 64 letters, digits and . _ -, beginning with a letter or digit"
        raise typer.BadParameter(f"invalid namespace {namespace!r}: {message}", param_hint="--namespace")
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise typer.BadParameter(f"use 1 to {MAX_NAME} printable characters", param_hint="NAME")
    clock, secret = Clock(), new_secret()
    key = AccessKey(
        IdFactory(clock.now_ms, os.urandom).new("key"), name, namespace, frozenset(wanted), clock.now_ms()
    )
    _with_keys(lambda keys: keys.create(key, digest(secret)))
    if json:
        typer.echo(orjson.dumps({**_row(key), "key": secret}).decode())
    else:
        typer.echo(f"{key.id} for namespace {namespace}. The key is shown only once:\n{secret}")


@app.command(name="list")
def list_keys(json: Json = False) -> None:
    """List keys without their secrets."""
    found = _with_keys(lambda keys: keys.list())
    if json:
        typer.echo(orjson.dumps([_row(key) for key in found]).decode())
        return
    table = table_of("id", "name", "namespace", "scopes")
    for key in found:
        table.add_row(key.id, key.name, key.namespace, " ".join(sorted(key.scopes)))
    print_table(table)


@app.command()
def revoke(id: str) -> None:
    """Revoke a key. API processes may accept it for up to five more seconds."""
    if not _with_keys(lambda keys: keys.revoke(id)):
        typer.echo(f"triage: unknown key {id}", err=True)
        raise typer.Exit(1)
    typer.echo(f"Revoked {id}.")


def _row(key: AccessKey) -> dict[str, Any]:
    return {"id": key.id, "name": key.name, "namespace": key.namespace, "scopes": sorted(key.scopes)}


def _with_keys(use: Callable[[AccessKeys], Awaitable[Result]]) -> Result:
    settings = load_settings()
    url = settings.redis_url or EmbeddedServer(settings.data_dir).url

    async def run() -> Result:
        redis = connect(url)
        try:
            return await use(AccessKeys(redis))
        finally:
            await redis.aclose()

    if not settings.redis_url and not Path(url.removeprefix("unix://")).exists():
        raise ConfigurationInvalid(
            "TRIAGE_REDIS_URL: required here, unless `triage dev` is running in this directory."
        )
    asyncio.run(check_server(url, patient=False))
    try:
        return asyncio.run(run())
    except TriageError as error:
        raise BackendUnavailable(f"TRIAGE_REDIS_URL: {error.message}") from error
