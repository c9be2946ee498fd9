"""Slows down clients that guess credentials, by counting refusals per address."""

import hashlib
import ipaddress
import math

from service.api.responses.errors import TooManyFailures
from service.clock import Clock

#: The most refusals of an address in `WINDOW_SECONDS`; after them it can only use recently valid credentials.
MAX_REFUSALS = 20
WINDOW_SECONDS = 60.0
#: The most addresses to remember; a new one replaces the oldest.
MAX_ADDRESSES = 10_000


class Refusals:
    """Refusals per address. An IPv6 /64 network counts as one address, because it has one owner."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: dict[str, tuple[float, int]] = {}

    def check(self, address: str) -> None:
        """Raises TooManyFailures."""
        began, count = self._counts.get(_network(address), (0.0, 0))
        left = began + WINDOW_SECONDS - self._clock.monotonic()
        if count >= MAX_REFUSALS and left > 0:
            raise TooManyFailures(math.ceil(left))

    def add(self, address: str) -> bool:
        """Count a refusal; returns whether it is the one that reaches the limit."""
        network, now = _network(address), self._clock.monotonic()
        began, count = self._counts.pop(network, (now, 0))
        if now - began >= WINDOW_SECONDS:
            began, count = now, 0
        while len(self._counts) >= MAX_ADDRESSES:
            del self._counts[next(iter(self._counts))]
        self._counts[network] = (began, count + 1)
        return count + 1 == MAX_REFUSALS


def fingerprint(text: str) -> str:
    """Distinguishes secrets in a log without revealing them."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
