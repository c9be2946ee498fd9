"""Which server is the master of which slot."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import ConnectionError

from service.redis_url import Address


@dataclass(frozen=True)
class Layout:
    """The master of each slot, or None for a slot without one; under Sentinel, there is only one slot."""

    addresses: Sequence[Address | None]

    @classmethod
    def of_master(cls, address: Address) -> "Layout":
        return cls((address,))

    @classmethod
    def of_slots(cls, rows: Iterable[Sequence[Any]], asked: Address) -> "Layout":
        """From the reply to CLUSTER SLOTS of the server at `asked`, which may leave out its own host."""
        addresses: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, (host, port, *_), *_ in rows:
            name = host.decode() if isinstance(host, bytes) else host
            address = (name if name and name != "?" else asked[0], int(port))
            addresses[first : last + 1] = [address] * (last + 1 - first)
        return cls(tuple(addresses))

    @cached_property
    def masters(self) -> frozenset[Address]:
        return frozenset(address for address in self.addresses if address is not None)

    @property
    def names(self) -> list[str]:
        """The masters' addresses, for the log."""
        return sorted(f"{host}:{port}" for host, port in self.masters)

    @property
    def complete(self) -> bool:
        """Whether every slot has a master."""
        return None not in self.addresses

    def master(self, slot: int) -> Address:
        """Raises ConnectionError when the slot has none."""
        address = self.addresses[slot % len(self.addresses)]
        if address is None:
            raise ConnectionError("Error connecting to the master of the slot: it has none.")
        return address

    def moved(self, slot: int, address: Address) -> "Layout":
        """The same, after a server said that it has given this slot to another one."""
        addresses = list(self.addresses)
        addresses[slot % len(addresses)] = address
        return Layout(tuple(addresses))


class MasterUnknown(ConnectionError):
    """The Sentinel does not know a master of this name."""


class MasterDown(ConnectionError):
    """The Sentinel considers the master down."""


def master_of(name: str, known: Mapping[str, Any]) -> Address:
    """From the reply to SENTINEL MASTERS. Raises MasterUnknown and MasterDown."""
    state = known.get(name)
    if state is None:
        raise MasterUnknown("Error connecting to the master: unknown name.")
    if not state["is_master"] or state["is_sdown"] or state["is_odown"]:
        raise MasterDown("Error connecting to the master: it is down.")
    return state["ip"], state["port"]


def slot_of(key: str) -> int:
    return key_slot(key.encode())
