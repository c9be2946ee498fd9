"""`http.request`: calls a URL, so that a service in any language can do the work of a job."""

import asyncio
import zlib
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import orjson
from pydantic import BaseModel, ConfigDict, Field

from service.clock import Clock
from workers.calls.failures import printable
from workers.handler import NonRetryable, RateLimited, job
from workers.http.headers import HeaderRefused, checked_headers, retry_after, sign
from workers.http.outbound_guard import AddressRefused, Allowed, GuardedTransport
from workers.http.resolver import resolver_of

CONNECT_SECONDS = 3.0
#: The most bytes of a response's body to keep, after decompression.
MAX_BODY = 65_536
MAX_HEADERS, MAX_HEADER = 50, 1_024
MAX_URL = 2_048


class HttpRequest(BaseModel):
    """The call. A `body` that is not a string is sent as JSON; without `expect_status`, any 2xx succeeds."""

    model_config = ConfigDict(extra="forbid")

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    url: str = Field(max_length=MAX_URL)
    headers: dict[str, str] = Field(default_factory=dict, max_length=MAX_HEADERS)
    body: Any = None
    timeout_seconds: float = Field(15, gt=0, le=300)
    expect_status: int | list[int] | None = None

    def expects(self, status: int) -> bool:
        if self.expect_status is None:
            return 200 <= status < 300
        return status in (
            self.expect_status if isinstance(self.expect_status, list) else [self.expect_status]
        )


class UnexpectedStatus(Exception):
    """The server responded with a status that the job does not expect."""


@job(name="http.request")
async def http_request(ctx: Any, request: HttpRequest) -> dict[str, Any]:
    """Call a URL on the public internet, or one that TRIAGE_HTTP_ALLOW names; redirects are not followed."""
    settings = ctx["settings"]
    host = _checked_host(request.url)
    content, content_type = _content(request.body)
    try:
        headers = checked_headers(request.headers, content_type)
    except HeaderRefused as error:
        raise NonRetryable(str(error)) from None
    if traceparent := ctx.get("traceparent"):
        headers.setdefault("traceparent", traceparent)
    if secret := settings.http_signing_secret.get_secret_value():
        try:
            headers |= sign([secret], ctx["job_id"], Clock().now_ms() // 1000, content or b"")
        except ValueError as error:
            raise ValueError(f"TRIAGE_HTTP_SIGNING_SECRET: {error}") from None
    try:
        async with asyncio.timeout(request.timeout_seconds):
            transport = GuardedTransport(
                Allowed.parse(settings.http_allow), resolver_of(settings.namespace).addresses
            )
            status, result = await _call(request, headers, content, transport)
    except (AddressRefused, httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
        raise NonRetryable(str(error)) from None
    except TimeoutError:
        raise TimeoutError(f"{host} did not respond within {request.timeout_seconds:g} seconds") from None
    if request.expects(status):
        return result
    if status in (429, 503):
        wait = retry_after(result["headers"].get("retry-after", ""), Clock().now_ms() / 1000)
        if wait is not None:
            raise RateLimited(wait)
    raise UnexpectedStatus(f"{request.method} {host} responded with {status}")


def _checked_host(url: str) -> str:
    """Refuse hosts early that must not be tried; the connection checks the resolved addresses again."""
    try:
        parsed, parts = httpx.URL(url), urlsplit(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise NonRetryable(f"Invalid URL: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise NonRetryable("The URL must be http:// or https:// with a host.")
    if parsed.userinfo or "@" in parts.netloc:
        raise NonRetryable("The URL must not contain a user name or password.")
    return parsed.host


def _content(body: Any) -> tuple[bytes | None, str | None]:
    if body is None:
        return None, None
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    return orjson.dumps(body), "application/json"


async def _call(
    request: HttpRequest, headers: dict[str, str], content: bytes | None, transport: GuardedTransport
) -> tuple[int, dict[str, Any]]:
    timeout = httpx.Timeout(request.timeout_seconds, connect=min(CONNECT_SECONDS, request.timeout_seconds))
    async with httpx.AsyncClient(
        transport=transport, follow_redirects=False, trust_env=False, timeout=timeout
    ) as client:
        # Built here because the client would add its own headers, such as Accept-Encoding.
        call = httpx.Request(request.method, request.url, headers=headers, content=content)
        response = await client.send(call, stream=True)
        try:
            raw = bytearray()
            async for part in response.aiter_raw():
                raw += part
                if len(raw) > MAX_BODY:
                    break
        finally:
            await response.aclose()
    return response.status_code, _result_of(response, bytes(raw))


def _result_of(response: httpx.Response, raw: bytes) -> dict[str, Any]:
    headers = [(name, printable(value, MAX_HEADER)) for name, value in response.headers.items()]
    body, cut = _decoded(response.headers.get("content-encoding", ""), raw)
    result = {
        "status": response.status_code,
        "headers": dict((name, value) for name, value in headers[:MAX_HEADERS] if name != "set-cookie"),
        "body": _body(response.headers.get("content-type", ""), body, cut),
    }
    return result | ({"truncated": True} if cut else {})


def _decoded(encoding: str, raw: bytes) -> tuple[bytes, bool]:
    if encoding.strip().lower() in ("gzip", "x-gzip", "deflate"):
        # Stops at the limit, even if a small compressed body would expand further.
        reader = zlib.decompressobj(wbits=47)
        try:
            raw = reader.decompress(raw, MAX_BODY + 1)
        except zlib.error:
            return b"", True
    return raw[:MAX_BODY], len(raw) > MAX_BODY


def _body(content_type: str, body: bytes, cut: bool) -> Any:
    """Parse a JSON body, so that the next job can read its value; everything else is text."""
    kind = content_type.partition(";")[0].strip().lower()
    if body and not cut and (kind == "application/json" or kind.endswith("+json")):
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
    return body.decode(errors="replace")
