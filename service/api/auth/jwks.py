"""Fetches the JWK Set from the configured URL: no redirects, limited in size and time, over verified TLS."""

import asyncio
import functools
import ssl
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

MAX_BYTES = 65_536
#: The timeout of the whole response, including DNS and TLS, in seconds.
FETCH_SECONDS = 5.0
#: No compression, so that a small body cannot expand.
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class FetchFailed(Exception):
    """`reason` is a word for the log, which contains nothing from the response except its status."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


async def fetch(url: str) -> bytes:
    """Fetch the document; raises FetchFailed."""
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
    # A new client each time: no cookies, and no stale connection after five minutes.
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
    """The type of the root cause: httpx raises the same error for a bad certificate and a closed port."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return type(error).__name__


@functools.cache
def _tls() -> ssl.SSLContext:
    """Trusts the public certificate authorities, and the system's or those in SSL_CERT_FILE."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context
