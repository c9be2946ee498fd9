"""The same for a thread without an event loop, which makes one call at a time."""

import time
from collections.abc import Callable
from typing import Any, cast

from redis import ConnectionPool, Redis
from redis.exceptions import ConnectionError, RedisError

from service.redis_url import Address, RedisUrl
from service.store.redis.routing.doubts import Doubts
from service.store.redis.routing.layout import Layout, master_of

#: Asks one Sentinel or server.
Question = Callable[[Address], Layout]


class ReportsErrors:
    """For connections of a MasterPool."""

    report: Callable[[BaseException], None]

    def connect(self) -> None:
        try:
            cast(Any, super()).connect()
        except (RedisError, OSError) as error:
            self.report(error)
            raise

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return cast(Any, super()).read_response(*arguments, **options)
        except (RedisError, OSError) as error:
            self.report(error)
            raise


class MasterPool(ConnectionPool):
    """Connections to whichever server is the master of one slot."""

    def __init__(self, url: RedisUrl, ask: Question, slot: int, **options: Any) -> None:
        super().__init__(**options)
        self._ask = ask
        self._slot = slot
        self._doubts = Doubts(url)
        self._address: Address | None = None

    def make_connection(self) -> Any:
        connection: Any = super().make_connection()
        address = cast(Address, self._address)
        connection.report = lambda error: self._doubts.on_error(address, error)
        return connection

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        address = self._layout().master(self._slot)
        if address != self._address:
            self.disconnect()
            self.reset()
            self._address = address
            self.connection_kwargs.update(host=address[0], port=address[1])
        return super().get_connection()

    def _layout(self) -> Layout:
        doubts = self._doubts
        if doubts.must_ask(time.monotonic()):
            layout = self._ask_all()
            if layout is None:
                doubts.on_silence(time.monotonic())
            else:
                doubts.on_layout(layout, time.monotonic())
        if doubts.layout is None:
            raise ConnectionError("Error connecting to Redis: no master is known.")
        return doubts.layout

    def _ask_all(self) -> Layout | None:
        found = None
        for node in self._doubts.nodes():
            try:
                found = self._ask(node)
            except (RedisError, OSError):
                continue
            if self._doubts.trusts(node, found):
                break
        return found


def question(url: RedisUrl, options: dict[str, Any]) -> Question:
    """`options`: for a connection to a Sentinel or to a server of the cluster."""

    def of_sentinel(node: Address) -> Layout:
        with Redis(host=node[0], port=node[1], **options) as client:
            return Layout.of_master(master_of(url.master, cast(Any, client).sentinel_masters()))

    def of_cluster(node: Address) -> Layout:
        with Redis(host=node[0], port=node[1], **options) as client:
            return Layout.of_slots(cast(Any, client).execute_command("CLUSTER SLOTS"), node)

    return of_sentinel if url.kind == "sentinel" else of_cluster
