"""The flow resource."""

from fastapi import Response

from service.api.responses import rendering
from service.domain.flow import Flow


def respond(flow: Flow, jobs: dict[str, str], status: int = 200, **headers: str) -> Response:
    document = rendering.flow(flow, jobs)
    return rendering.respond(
        document,
        status,
        {"ETag": rendering.etag(flow.version), "Location": f"/v1/flows/{flow.id}", **headers},
    )
