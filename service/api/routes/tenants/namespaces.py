"""Namespaces, for operators."""

from typing import Annotated, Any

from fastapi import Path, Query, Response

from service.api.context import Context, RequestContext
from service.api.openapi.operation import operation
from service.api.requests.preconditions import IfMatch, guard
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas import tenants as schemas
from service.domain.errors import VersionMismatch
from service.domain.tenant import DEFAULTS, NAMESPACE_PATTERN, QUOTAS, Policy, Tenant, Usage
from service.store.tenants.tenants import Tenants

router = Router(prefix="/v1/namespaces", tags=["namespaces"])

NamespacePath = Annotated[
    str, Path(alias="name", pattern=NAMESPACE_PATTERN, description="The namespace's name.")
]
ONE = {200: ("The namespace.", schemas.NamespaceOut)}
#: How often a change without If-Match is retried after another change came first.
ATTEMPTS = 5


def _tenants(context: RequestContext) -> Tenants:
    return Tenants(context.app_state.redis)


def resource(tenant: Tenant, usage: Usage | None) -> dict[str, Any]:
    policy = tenant.policy
    return {
        "name": tenant.name,
        "object": "namespace",
        "version": tenant.version,
        "description": tenant.description,
        "quotas": {name: policy.quota(name) for name in QUOTAS},
        "usage": usage
        and {
            "jobs": usage.jobs,
            "stored_bytes": usage.stored_bytes,
            "queues": usage.queues,
            "limit_keys": usage.limit_keys,
            "unique_keys": usage.unique_keys,
            "schedules": usage.schedules,
            "idempotency_bytes": usage.idempotency_bytes,
            "bulk_actions": usage.bulk_actions,
        },
        "retention_seconds": policy.retention_seconds,
        "redact": list(policy.redact),
        "created_at": rendering.time(tenant.created_at),
    }


async def _respond(context: RequestContext, tenant: Tenant, status: int = 200) -> Response:
    headers = {"ETag": rendering.etag(tenant.version), "Location": f"/v1/namespaces/{tenant.name}"}
    usage = await _tenants(context).usage(tenant.name)
    return rendering.respond(resource(tenant, usage), status, headers)


@router.post(
    "",
    name="create_namespace",
    **operation(
        "namespaces:admin",
        "Create a namespace",
        {201: ("Created.", schemas.NamespaceOut)},
        (409, 413, 415),
    ),
)
async def create_namespace(body: schemas.NamespaceIn, context: Context) -> Response:
    """Gives a namespace quotas, by default the ones for a shared installation.

    Namespaces exist without this; they have no quotas then. For one that already has jobs, `stored_bytes`,
    `limit_keys` and `unique_keys` count from now on.
    """
    quotas = {**DEFAULTS, **schemas.given_quotas(body.quotas)}
    policy = Policy(quotas, body.retention_seconds, tuple(body.redact))
    return await _respond(context, await _tenants(context).create(body.name, policy, body.description), 201)


@router.get(
    "",
    name="list_namespaces",
    **operation("namespaces:admin", "List namespaces", {200: ("A page, by name.", schemas.NamespacePage)}),
)
async def list_namespaces(
    context: Context,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """The namespaces that an operator has created. `usage` is null here."""
    found, following = await _tenants(context).page(limit, cursor)
    return await rendering.page((resource(tenant, None) for tenant in found), following)


@router.get(
    "/{name}",
    name="get_namespace",
    **operation("namespaces:admin", "Read a namespace", ONE, (404,)),
)
async def get_namespace(name: NamespacePath, context: Context) -> Response:
    """The namespace with what it uses of its quotas."""
    return await _respond(context, await _tenants(context).get(name))


@router.patch(
    "/{name}",
    name="update_namespace",
    **operation("namespaces:admin", "Change a namespace", ONE, (404, 412, 413, 415)),
)
async def update_namespace(
    name: NamespacePath, body: schemas.NamespaceChangesIn, context: Context, if_match: IfMatch = None
) -> Response:
    """Quotas apply at once, and API processes follow within two seconds.

    A lower quota deletes nothing: the namespace stores no more until it uses less.
    """
    tenants = _tenants(context)
    for attempt in range(ATTEMPTS):
        before = await tenants.get(name)
        guard(if_match, before.version)
        policy, given = before.policy, body.model_fields_set
        changed = Policy(
            {**policy.quotas, **schemas.given_quotas(body.quotas)},
            body.retention_seconds if "retention_seconds" in given else policy.retention_seconds,
            policy.redact if body.redact is None else tuple(body.redact),
        )
        description = before.description if body.description is None else body.description
        try:
            return await _respond(context, await tenants.change(before, changed, description))
        except VersionMismatch:
            if if_match is not None or attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


@router.delete(
    "/{name}",
    name="delete_namespace",
    **operation("namespaces:admin", "Delete an empty namespace", {204: ("Deleted.", None)}, (404, 409)),
)
async def delete_namespace(name: NamespacePath, context: Context) -> Response:
    """Deletes its record, quotas and webhooks, and revokes its API keys.

    409 `namespace_not_empty` while it has jobs, queues with settings, flows, fan-outs or schedules.
    """
    await _tenants(context).delete(name)
    return Response(status_code=204)
