"""Detects cross-origin requests, which browsers let pages send although they cannot read the response."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from service.addresses import is_loopback


def is_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether a page from an origin other than this API on this machine sent the request.

    Browsers send the origin with every request that may change data. It is not enough that Origin and Host
    agree: in a DNS rebinding attack, another site's name resolves to this machine.
    """
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        address = urlsplit(origin)
        own = is_loopback(address.hostname or "")
    except ValueError:
        return True
    return not own or address.netloc.lower() != headers.get("host", "").lower()
