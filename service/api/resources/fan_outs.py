"""A fan-out as a resource."""

from fastapi import Response

from service.api.responses import rendering
from service.store.groups.groups import Group


def respond(group: Group, status: int = 200, **headers: str) -> Response:
    return rendering.respond(
        rendering.fan_out(group),
        status,
        {"ETag": rendering.etag(group.version), "Location": f"/v1/fan-outs/{group.id}", **headers},
    )
