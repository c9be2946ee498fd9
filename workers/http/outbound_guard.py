"""Restricts the HTTP calls of handlers to public addresses, and connects to exactly the checked addresses."""

import asyncio
import functools
import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import httpcore
import httpx

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]

# `is_global` would allow NAT64, 6to4, multicast and the metadata addresses of two clouds.
_NOT_PUBLIC: tuple[Network, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's platform address
        "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
)  # fmt: skip
#: Contains all assigned unicast addresses, and no NAT64, ULA, link-local or multicast.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


class AddressRefused(Exception):
    """The host has an address that is not public."""


def is_public(address: Address) -> bool:
    """Whether the address is on the public internet, rather than in this network or on this host."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)


@dataclass(frozen=True, slots=True)
class Allowed:
    """TRIAGE_HTTP_ALLOW: hosts and networks that are allowed although they are not public."""

    hosts: frozenset[str]
    networks: tuple[Network, ...]

    @classmethod
    def parse(cls, text: str) -> "Allowed":
        hosts: set[str] = set()
        networks: list[Network] = []
        for entry in filter(None, (part.strip().lower() for part in text.split(","))):
            try:
                networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                hosts.add(entry.rstrip("."))
        return cls(frozenset(hosts), tuple(networks))

    def check(self, host: str, texts: Iterable[str]) -> None:
        """Raise AddressRefused unless all addresses are allowed, since the connection may use any of them."""
        if host.lower().rstrip(".") in self.hosts:
            return
        for text in texts:
            address = ipaddress.ip_address(text)
            inner = getattr(address, "ipv4_mapped", None) or address
            if not is_public(address) and not any(inner in network for network in self.networks):
                raise AddressRefused(f"{host} resolves to {text}, which is not a public address.")


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to the checked addresses, with the URL's host in the Host header and for TLS."""

    def __init__(self, allowed: Allowed, resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        # httpcore's stub for a missing anyio hides the class from type checkers.
        self._backend = cast(httpcore.AsyncNetworkBackend, httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                texts = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"resolving {host} timed out") from error
        except OSError as error:
            raise httpcore.ConnectError(f"cannot resolve {host}") from error
        self._allowed.check(host, texts)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for text in texts:
            try:
                return await self._backend.connect_tcp(text, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("A Unix socket is not a public address.")

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over the guarded backend. Replaces httpx's `_pool`, so it is pinned and tested."""

    def __init__(self, allowed: Allowed, resolve: Resolve) -> None:
        super().__init__(verify=_tls(), trust_env=False)
        backend = GuardedBackend(allowed, resolve)
        self._pool = httpcore.AsyncConnectionPool(_tls(), max_connections=1, network_backend=backend)


@functools.cache
def _tls() -> ssl.SSLContext:
    # Cached, because loading the certificates takes longer than most calls.
    return httpx.create_ssl_context(trust_env=False)
