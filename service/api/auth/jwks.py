"""Takes a JWK Set from where the settings say: from there alone, little, in time, over verified TLS."""

import asyncio
import functools
import ssl
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

MAX_BYTES = 65_536
#: Until the answer is whole, resolving and TLS included.
FETCH_SECONDS = 5.0
#: No compression: what a small body would grow to is of no interest then.
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class FetchFailed(Exception):
    """`reason` is one word for the log. Of the response, it contains only the status."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


async def fetch(url: str) -> bytes:
    """Raises FetchFailed."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            if parts.scheme == "file":
                return await asyncio.to_thread(_read, Path(unquote(parts.path)))
            return await _download(url)
    except (TimeoutError, httpx.TimeoutException):
        raise FetchFailed("timeout") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise FetchFailed(_root(error)) from None


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        body = file.read(MAX_BYTES + 1)
    _check_size(body)
    return body


async def _download(url: str) -> bytes:
    # A new client each time: no cookies, and no connection that has gone stale in five minutes.
    async with (
        httpx.AsyncClient(
            verify=_tls(), trust_env=False, follow_redirects=False, timeout=FETCH_SECONDS
        ) as client,
        client.stream("GET", url, headers=_HEADERS) as response,
    ):
        if response.status_code != 200:
            raise FetchFailed(f"status_{response.status_code}")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise FetchFailed("encoded")
        body = bytearray()
        async for part in response.aiter_raw():
            body += part
            _check_size(body)
    return bytes(body)


def _check_size(body: bytes | bytearray) -> None:
    if len(body) > MAX_BYTES:
        raise FetchFailed("too_large")


def _root(error: BaseException) -> str:
    """The type of the first cause: httpx calls a bad certificate and a closed port by the same name."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return type(error).__name__


@functools.cache
def _tls() -> ssl.SSLContext:
    """The public certificate authorities, plus the machine's or SSL_CERT_FILE's."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context
