"""A flow as a resource."""

from fastapi import Response

from service.api.responses import rendering
from service.store.groups.groups import Group


def respond(group: Group, jobs: dict[str, str], status: int = 200, **headers: str) -> Response:
    document = rendering.flow(group, jobs)
    return rendering.respond(
        document,
        status,
        {"ETag": rendering.etag(group.version), "Location": f"/v1/flows/{group.id}", **headers},
    )
