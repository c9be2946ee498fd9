"""API keys of the caller's namespace."""

from typing import Annotated, Any

from fastapi import Path, Query, Response

from service.api.auth.key_issuing import Issued, KeyIssuer, KeySpec, can_see
from service.api.context import Context, RequestContext
from service.api.openapi.operation import operation
from service.api.responses import rendering
from service.api.responses.errors import ValidationFailed
from service.api.routes.router import Router
from service.api.schemas import tenants as schemas
from service.domain.access_key import AccessKey

router = Router(prefix="/v1/api-keys", tags=["API keys"])

KeyId = Annotated[str, Path(pattern=r"^key_[0-7][0-9A-HJKMNP-TV-Z]{25}$", description="The API key's ID.")]


def _issuer(context: RequestContext) -> KeyIssuer:
    state = context.app_state
    return KeyIssuer(state.authenticator.keys, state.clock, state.ids, context.caller)


def resource(key: AccessKey) -> dict[str, Any]:
    reach = key.reach
    return {
        "id": key.id,
        "object": "api_key",
        "version": key.version,
        "name": key.name,
        "namespace": key.namespace,
        "scopes": sorted(key.scopes),
        "queues": None if reach is None or reach.queues is None else sorted(reach.queues),
        "names": None if reach is None or reach.names is None else sorted(reach.names),
        "created_at": rendering.time(key.created_at),
        "created_by": key.created_by,
        "expires_at": rendering.time(key.expires_at),
        "rotated_at": rendering.time(key.rotated_at),
        "previous_expires_at": rendering.time(key.previous_until),
        "last_used_at": rendering.time(key.last_used_at),
    }


def _headers(key: AccessKey) -> dict[str, str]:
    return {"ETag": rendering.etag(key.version), "Location": f"/v1/api-keys/{key.id}"}


def _show(issued: Issued, status: int) -> Response:
    document = {**resource(issued.key), "key": issued.secret}
    return rendering.respond(document, status, _headers(issued.key))


@router.post(
    "",
    name="create_api_key",
    **operation(
        "keys:admin",
        "Create an API key",
        {201: ("Created. No other response contains the secret.", schemas.ApiKeyIssuedOut)},
        (413, 415),
    ),
)
async def create_api_key(body: schemas.ApiKeyIn, context: Context) -> Response:
    """Creates a key for the caller's namespace, with at most the caller's own scopes and restrictions.

    `queues` and `names` restrict the key: jobs of other queues and job types do not exist for it, and it
    cannot submit them. `key` is the secret: store it, because Triage does not.
    """
    expires_at = body.expires_ms()
    if expires_at is not None and expires_at <= context.app_state.clock.now_ms():
        rows = [{"pointer": "/expires_at", "code": "past", "message": "has passed"}]
        raise ValidationFailed(errors=rows)
    spec = KeySpec(body.name, context.caller.namespace, body.scopes, body.reach(), expires_at)
    return _show(await _issuer(context).create(spec), 201)


@router.get(
    "",
    name="list_api_keys",
    **operation("keys:admin", "List API keys, newest first", {200: ("A page.", schemas.ApiKeyPage)}),
)
async def list_api_keys(
    context: Context,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """The keys of the caller's namespace, without their secrets. Expired keys stay until you revoke them."""
    keys, following = await context.app_state.authenticator.keys.page(context.caller.namespace, limit, cursor)
    return await rendering.page((resource(key) for key in keys if can_see(context.caller, key)), following)


@router.get(
    "/{key_id}",
    name="get_api_key",
    **operation("keys:admin", "Read an API key", {200: ("The key.", schemas.ApiKeyOut)}, (404,)),
)
async def get_api_key(key_id: KeyId, context: Context) -> Response:
    """A key of the caller's namespace, without its secret."""
    key = await _issuer(context).find(key_id)
    return rendering.respond(resource(key), 200, _headers(key))


@router.post(
    "/{key_id}/rotate",
    name="rotate_api_key",
    **operation(
        "keys:admin",
        "Give an API key a new secret",
        {200: ("Rotated. No other response contains the secret.", schemas.ApiKeyIssuedOut)},
        (404, 415),
    ),
)
async def rotate_api_key(key_id: KeyId, context: Context, body: schemas.RotateIn | None = None) -> Response:
    """Keeps ID, scopes and restrictions. The old secret works for `overlap_seconds` more, by default not.

    API processes may accept a secret that has ended for up to five more seconds.
    """
    overlap = 0 if body is None else body.overlap_seconds
    return _show(await _issuer(context).rotate(key_id, round(overlap * 1000)), 200)


@router.delete(
    "/{key_id}",
    name="revoke_api_key",
    **operation("keys:admin", "Revoke an API key", {204: ("Revoked.", None)}, (404,)),
)
async def revoke_api_key(key_id: KeyId, context: Context) -> Response:
    """Deletes the key. API processes may accept it for up to five more seconds."""
    await _issuer(context).revoke(key_id)
    return Response(status_code=204)
