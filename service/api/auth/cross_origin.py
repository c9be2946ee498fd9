"""Pages of others, which a browser lets send what it does not let them read."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from service.addresses import is_loopback


def is_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether the request is that of a page of another origin than this API on this machine.

    Browsers name the origin wherever something may change. A name that leads here without being one of this
    machine's own is somebody's trick (DNS rebinding), so it is not enough that Origin and Host agree.
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
