"""The same for a thread without an event loop, which makes one call at a time."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from redis import ConnectionPool, Redis
from redis.exceptions import ConnectionError, RedisError

from service.redis_url import Address, RedisUrl
from service.store.redis.routing.doubts import Doubts
from service.store.redis.routing.layout import Layout, master_of

#: Asks one Sentinel or server.
Question = Callable[[Address], Layout]


class ServerPool(ConnectionPool):
    """Connections to one server."""

    report: Callable[[BaseException], None]

    def make_connection(self) -> Any:
        connection: Any = super().make_connection()
        connection.server_pool = self
        return connection


class ReportsErrors:
    """For connections of a ServerPool."""

    server_pool: ServerPool

    def connect(self) -> None:
        try:
            cast(Any, super()).connect()
        except (RedisError, OSError) as error:
            self.server_pool.report(error)
            raise

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return cast(Any, super()).read_response(*arguments, **options)
        except (RedisError, OSError) as error:
            self.server_pool.report(error)
            raise


class Servers:
    """The masters of one Sentinel set-up or cluster, and a pool of connections to each that was needed."""

    def __init__(self, url: RedisUrl, ask: Question, **options: Any) -> None:
        """`options`: of the connections."""
        self._ask = ask
        self._options = options
        self._doubts = Doubts(url)
        self._pools: dict[Address, ServerPool] = {}

    def at(self, address: Address) -> ServerPool:
        pool = self._pools.get(address)
        if pool is None:
            options: dict[str, Any] = {**self._options, "host": address[0], "port": address[1]}
            pool = self._pools[address] = ServerPool(**options)
            pool.report = partial(self._doubts.on_error, address)
        return pool

    def layout(self) -> Layout:
        """Raises ConnectionError while no master is known."""
        doubts = self._doubts
        if doubts.must_ask(time.monotonic()):
            layout = self._ask_all()
            if layout is None:
                doubts.on_silence(time.monotonic())
            elif doubts.on_layout(layout, time.monotonic()):
                # One that is no longer a master may still accept connections.
                for address in self._pools.keys() - layout.masters:
                    self._pools.pop(address).disconnect()
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

    def disconnect(self) -> None:
        for pool in self._pools.values():
            pool.disconnect()


class MasterPool(ConnectionPool):
    """Connections to whichever server is the master of one slot."""

    def __init__(self, servers: Servers, slot: int) -> None:
        super().__init__()
        self.servers = servers
        self._slot = slot
        #: The address of the server that was last asked for a connection.
        self.server = ""

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        host, port = self.servers.layout().master(self._slot)
        self.server = f"{host}:{port}"
        return self.servers.at((host, port)).get_connection()

    def release(self, connection: Any) -> None:
        connection.server_pool.release(connection)

    def disconnect(self, inuse_connections: bool = True) -> None:
        self.servers.disconnect()


def question(url: RedisUrl, options: dict[str, Any]) -> Question:
    """`options`: for a connection to a Sentinel or to a server of the cluster."""

    def of_sentinel(node: Address) -> Layout:
        with Redis(host=node[0], port=node[1], **options) as client:
            return Layout.of_master(master_of(url.master, cast(Any, client).sentinel_masters()))

    def of_cluster(node: Address) -> Layout:
        with Redis(host=node[0], port=node[1], **options) as client:
            return Layout.of_slots(cast(Any, client).execute_command("CLUSTER SLOTS"), node)

    return of_sentinel if url.kind == "sentinel" else of_cluster
