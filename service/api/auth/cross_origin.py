"""Pages of others, which a browser lets send what it does not let them read."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from service.addresses import is_loopback


def is_elsewhere(headers: Mapping[str, str]) -> bool:
    """Whether a page of another origin than this API on this machine sent the request.

    Browsers send the origin with every request that may change data. A foreign name that resolves to this
    machine is a DNS rebinding attack, so it is not enough that Origin and Host agree.
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
