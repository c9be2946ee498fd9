"""Checks addresses: whether they are loopback, and whether signing keys may be read from them."""

import ipaddress
from urllib.parse import urlsplit


def check_jwks_url(url: str) -> None:
    """Raises ValueError for a URL that is not a safe source of signing keys."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("must not hold a user name, a password or a fragment")
    host = parts.hostname or ""
    safe = {
        "https": bool(host) and parts.port != 0,
        "http": is_loopback(host) and parts.port != 0,
        "file": not parts.netloc and parts.path.startswith("/") and not parts.query,
    }
    if not safe.get(parts.scheme):
        raise ValueError("must be https://, file:///path, or http:// on a loopback address")


def is_loopback(host: str) -> bool:
    """Whether a host is loopback. Of names, only `localhost` is, since others may resolve to anything."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
