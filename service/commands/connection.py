"""Connections of the command line to the API: URL, key and proxy."""

from typing import Any

import httpx

from service.addresses import is_loopback
from service.commands.responses import Refused


def open_client(url: str, key: str, seconds: float) -> httpx.Client:
    """Raises Refused for an unusable URL, key or proxy."""
    try:
        return httpx.Client(**_options(url, key, seconds))
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ImportError, ValueError, OSError) as error:
        raise _unusable(error) from None


def open_async_clients(url: str, key: str, seconds: float, count: int) -> list[httpx.AsyncClient]:
    """The same for asyncio; the clients share parts that are expensive to create."""
    try:
        options = _options(url, key, seconds)
        return [httpx.AsyncClient(**options) for _ in range(count)]
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ImportError, ValueError, OSError) as error:
        raise _unusable(error) from None


def unreachable(url: str, error: Exception) -> Refused:
    """The error for a request without a response; its code names the kind of failure."""
    kind = type(error).__name__
    code = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind).lstrip("_")
    return Refused(0, code, f"{_without_secrets(url)} cannot be reached: {error or code}")


def _options(url: str, key: str, seconds: float) -> dict[str, Any]:
    address = httpx.URL(url.rstrip("/"))
    if address.scheme not in ("http", "https") or not address.host:
        raise Refused(0, "unusable_url", f"{_without_secrets(url)} is not a URL: use http://HOST:PORT")
    if not key.isascii() or not key.isprintable():
        raise Refused(0, "unusable_key", "the API key contains invalid characters")
    # A proxy cannot reach this machine's own loopback addresses, and must not see what is sent there.
    direct = is_loopback(address.host)
    return {
        "base_url": address,
        "headers": {"Authorization": f"Bearer {key}"} if key else {},
        "timeout": seconds,
        "trust_env": not direct,
        "verify": False if direct and address.scheme == "http" else httpx.create_ssl_context(),
    }


def _unusable(error: Exception) -> Refused:
    return Refused(0, "unusable_url", f"invalid URL or proxy settings: {error}")


def _without_secrets(url: str) -> str:
    """A URL without user name and password, for messages."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url
