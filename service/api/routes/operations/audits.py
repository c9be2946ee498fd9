"""The audit of the namespace: its last report, and requesting one."""

from dataclasses import replace

from fastapi import Response

from service.api.context import Context
from service.api.openapi.operation import operation
from service.api.responses import rendering
from service.api.responses.audits import audit_document
from service.api.routes.router import Router
from service.api.schemas.history import audits as schemas

router = Router(prefix="/v1/audit", tags=["audit"])


@router.get(
    "",
    name="get_audit",
    **operation("workers:read", "Read the last audit", {200: ("The last audit.", schemas.AuditOut)}),
)
async def get_audit(context: Context) -> Response:
    """What the last complete audit of the namespace found, and whether one is running."""
    return rendering.respond(audit_document(await context.namespace.audits.state()))


@router.post(
    "",
    name="request_audit",
    **operation("workers:admin", "Request an audit", {202: ("Requested.", schemas.AuditOut)}),
)
async def request_audit(context: Context) -> Response:
    """A worker begins one within seconds, or after the running one. The request expires after ten minutes."""
    audits = context.namespace.audits
    requested_at = await audits.request()
    # A worker may have begun it since, and forgotten the request.
    state = replace(await audits.state(), requested_at=requested_at)
    return rendering.respond(audit_document(state), 202)
