"""The fan-out resource."""

from fastapi import Response

from service.api.responses import rendering
from service.domain.fan_out import FanOut


def respond(fan_out: FanOut, status: int = 200, **headers: str) -> Response:
    return rendering.respond(
        rendering.fan_out(fan_out),
        status,
        {"ETag": rendering.etag(fan_out.version), "Location": f"/v1/fan-outs/{fan_out.id}", **headers},
    )
