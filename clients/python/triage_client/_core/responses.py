"""Reads responses. They may come from a proxy, or from an unrelated server."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx

from triage_client.errors import ApiError, TriageError, UnexpectedResponse
from triage_client.problems import BY_CODE


def document_of(response: httpx.Response, needs: tuple[str, ...]) -> Any:
    """The JSON object of a successful response; None for an empty one.

    Raises ApiError or UnexpectedResponse.
    """
    if response.status_code in (204, 304):
        return None
    if response.status_code >= 300:
        raise error_of(response)
    found = _read(response)
    if not isinstance(found, dict) or not all(name in found for name in needs):
        raise _unexpected(response)
    return cast("dict[str, Any]", found)


def error_of(response: httpx.Response) -> TriageError:
    """The exception for a response that is not a success; its body has been read."""
    match _read(response):
        case {"code": str(code), "status": int(), "detail": str()} as problem:
            document = cast("Mapping[str, Any]", problem)
            return BY_CODE.get(code, ApiError)(document, retry_after(response.headers))
        case _:
            return _unexpected(response)


def problem_of(status: int, code: str, data: Any, retryable: bool = False) -> ApiError:
    """The exception for an event that ends a stream; its data may name another code."""
    found = (data or {}).get("code") or code
    detail = "The API ended the stream."
    return BY_CODE.get(found, ApiError)(
        {"status": status, "code": found, "detail": detail, "retryable": retryable}
    )


def check_media_type(response: httpx.Response, media_type: str) -> None:
    """Raises UnexpectedResponse."""
    if not response.headers.get("content-type", "").startswith(media_type):
        raise _unexpected(response)


def retry_after(headers: httpx.Headers) -> float | None:
    """Retry-After in seconds; it may be a number or a date."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _read(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        return None


def _unexpected(response: httpx.Response) -> UnexpectedResponse:
    status = response.status_code
    # Without the query, which may contain private filters.
    address = str(response.url.copy_with(query=None, userinfo=b""))
    said = f"{address} responded {status} {response.reason_phrase}".rstrip()
    if 300 <= status < 400:
        target = response.headers.get("location")
        text = f"{said}{f' to {target}' if target else ''}: the client does not follow redirects"
    elif status == 404 and _read(response) == {"code": "not_found", "status": 404}:
        text = f"{said}: that is the port of a worker; use the API's port"
    elif status >= 400:
        text = f"{said} with {_kind(response)}, which is not from Triage: a proxy may have responded"
    else:
        text = f"{said} with {_kind(response)}, which is not from Triage: check the URL"
    return UnexpectedResponse(text, status)


def _kind(response: httpx.Response) -> str:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip()
    if response.is_stream_consumed and not response.content:
        return "no body"
    return "other JSON" if media_type.endswith("json") else media_type or "a body without a content type"
