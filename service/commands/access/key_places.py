"""Where `triage keys` works: over the API, or directly in Redis, so that the first key needs no key."""

import os
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import typer

from service import exit_codes
from service.api.auth.key_issuing import Issued, KeyIssuer, KeySpec
from service.api.responses.rendering import time
from service.clock import Clock
from service.commands.connection import Api, open_api, place
from service.commands.direct import has_redis, with_redis
from service.commands.members import API_KEY
from service.commands.target import options_of
from service.domain.access_key import AccessKey, Reach
from service.domain.errors import NotFound, QuotaExceeded
from service.domain.ids import IdFactory
from service.store.tenants.access_keys import AccessKeys
from triage_client import NoResponse, Unauthenticated
from triage_client._core.requests import Repeat

Result = TypeVar("Result")
Document = dict[str, Any]
ONE = "/v1/api-keys/{}"


class KeyPlace(Protocol):
    """Documents have the members of the API's. `spec.namespace` is empty for the caller's own."""

    #: Whether a command must name the namespace, because a caller's key does not.
    needs_namespace: bool

    def create(self, spec: KeySpec) -> Document: ...

    def list(self, namespace: str | None) -> Iterable[Document]: ...

    def get(self, id: str) -> Document: ...

    def rotate(self, id: str, overlap_seconds: float) -> Document: ...

    def revoke(self, id: str) -> None: ...


@contextmanager
def open_keys(ctx: typer.Context) -> Generator[KeyPlace]:
    """The API if an option names it; else Redis, if this process knows one; else the API."""
    if not any(options_of(ctx).values()) and has_redis():
        yield KeysInRedis()
        return
    try:
        with open_api(ctx) as api:
            yield KeysOverHttp(api)
    except typer.Exit as end:
        if isinstance(end.__cause__, NoResponse | Unauthenticated):
            typer.echo(
                "  Where TRIAGE_REDIS_URL is set, `triage keys` needs neither an API nor a key.", err=True
            )
        raise


class KeysOverHttp:
    """The keys of the caller's namespace."""

    needs_namespace = False

    def __init__(self, api: Api) -> None:
        self._api = api

    def create(self, spec: KeySpec) -> Document:
        reach = spec.reach or Reach()
        body = {
            "name": spec.name,
            "scopes": list(spec.scopes),
            "queues": None if reach.queues is None else sorted(reach.queues),
            "names": None if reach.names is None else sorted(reach.names),
            "expires_at": time(spec.expires_at),
        }
        needs = (*API_KEY, "key")
        return self._api.send("POST", "/v1/api-keys", needs, body, repeat=Repeat.UNAPPLIED)

    def list(self, namespace: str | None) -> Iterable[Document]:
        rows = self._api.rows("/v1/api-keys", API_KEY)
        return (row for row in rows if namespace in (None, row["namespace"]))

    def get(self, id: str) -> Document:
        return self._api.read(place(ONE, id), API_KEY)

    def rotate(self, id: str, overlap_seconds: float) -> Document:
        where, body = place(f"{ONE}/rotate", id), {"overlap_seconds": overlap_seconds}
        return self._api.send("POST", where, (*API_KEY, "key"), body, repeat=Repeat.UNAPPLIED)

    def revoke(self, id: str) -> None:
        self._api.send("DELETE", place(ONE, id))


class KeysInRedis:
    """The keys of all namespaces."""

    needs_namespace = True

    def create(self, spec: KeySpec) -> Document:
        return _issued(self._with_issuer(lambda issuer: issuer.create(spec)))

    def list(self, namespace: str | None) -> Iterable[Document]:
        found = with_redis(lambda redis: AccessKeys(redis).list(), ())
        return [_document(key) for key in found if namespace in (None, key.namespace)]

    def get(self, id: str) -> Document:
        return _document(self._with_issuer(lambda issuer: issuer.find(id), id))

    def rotate(self, id: str, overlap_seconds: float) -> Document:
        return _issued(self._with_issuer(lambda issuer: issuer.rotate(id, round(overlap_seconds * 1000)), id))

    def revoke(self, id: str) -> None:
        self._with_issuer(lambda issuer: issuer.revoke(id), id)

    def _with_issuer(self, use: Callable[[KeyIssuer], Awaitable[Result]], id: str = "") -> Result:
        clock = Clock()
        ids = IdFactory(clock.now_ms, os.urandom)
        try:
            return with_redis(
                lambda redis: use(KeyIssuer(AccessKeys(redis), clock, ids)), (NotFound, QuotaExceeded)
            )
        except NotFound:
            message = f"unknown key {id}"
        except QuotaExceeded as error:
            message = f"{error.message} Revoke keys that are not in use."
        typer.echo(f"triage: {message}", err=True)
        raise typer.Exit(exit_codes.REFUSED)


def _document(key: AccessKey) -> Document:
    reach = key.reach or Reach()
    return {
        "id": key.id,
        "object": "api_key",
        "version": key.version,
        "name": key.name,
        "namespace": key.namespace,
        "scopes": sorted(key.scopes),
        "queues": None if reach.queues is None else sorted(reach.queues),
        "names": None if reach.names is None else sorted(reach.names),
        "created_at": time(key.created_at),
        "created_by": key.created_by,
        "expires_at": time(key.expires_at),
        "rotated_at": time(key.rotated_at),
        "previous_expires_at": time(key.previous_until),
        "last_used_at": time(key.last_used_at),
    }


def _issued(issued: Issued) -> Document:
    return {**_document(issued.key), "key": issued.secret}
