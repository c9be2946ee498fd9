"""Redis as people run it: Sentinels with a master and its replica, and a cluster, on loopback ports."""

import contextlib
import os
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from service.store.redis import embedded
from service.store.redis.embedded import EmbeddedServer
from tests.support.eventually import eventually_blocking

#: A replica synchronizes at once, and notices a dead master soon.
REPLICATION = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", "--repl-timeout", "5")
#: With `everysec`, a server that is killed while a sync lags behind loses up to two seconds of what it has
#: acknowledged: it keeps writes back in the meantime.
SURVIVES_KILLS = ("--appendfsync", "always")
#: How long a server may be silent until it counts as failed, in ms.
DOWN_MS = 500
SLOTS = 16_384


def free_ports(count: int) -> list[int]:
    """The bus of a cluster needs the port 10,000 above as well."""
    found: list[int] = []
    with contextlib.ExitStack() as stack:
        while len(found) < count:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            bus = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError, OverflowError):
                bus.bind(("127.0.0.1", port + 10_000))
                found.append(port)
    return found


class PortServer(EmbeddedServer):
    """A server that also listens on a port."""

    def __init__(self, directory: Path, binary: Path, port: int, options: Sequence[str] = ()) -> None:
        super().__init__(directory, binary, ("--port", str(port), *REPLICATION, *options))
        self.port = port

    @property
    def running(self) -> bool:
        return self._process is not None

    def client(self) -> Any:
        return Redis(port=self.port, socket_timeout=5)

    def call(self, *arguments: Any) -> Any:
        with self.client() as client:
            return client.execute_command(*arguments)


class _Deployment(ABC):
    """Servers that start on entry and end on exit."""

    def __init__(self) -> None:
        self.stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.stack = stack
            self.start()
            self.stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.close()

    @abstractmethod
    def start(self) -> None: ...


class SentinelDeployment(_Deployment):
    """Three Sentinels, a master and a replica."""

    def __init__(self, directory: Path, binary: Path, options: Sequence[str] = ()) -> None:
        super().__init__()
        self._directory, self._binary = directory, binary
        first, second, *self.ports = free_ports(5)
        self.servers = [PortServer(directory / str(port), binary, port, options) for port in (first, second)]

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(f'127.0.0.1:{port}' for port in self.ports)}/mymaster/0"

    @property
    def master(self) -> PortServer:
        """As the Sentinels say."""
        with Redis(port=self.ports[0]) as client:
            found: Any = client.execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME", "mymaster")
        return next(server for server in self.servers if server.port == int(found[1]))

    @property
    def replica(self) -> PortServer:
        master = self.master
        return next(server for server in self.servers if server is not master)

    def start(self) -> None:
        master, replica = self.servers
        for server in self.servers:
            self.stack.enter_context(server)
        replica.call("REPLICAOF", "127.0.0.1", master.port)
        for port in self.ports:
            self.stack.enter_context(_sentinel(self._directory, self._binary, port, master.port))
        eventually_blocking(self.complete, 20)

    def complete(self) -> None:
        """Assert that every Sentinel knows a replica that is in sync, and both other Sentinels."""
        for port in self.ports:
            with Redis(port=port) as client:
                state: Any = client.sentinel_master("mymaster")
                replicas: Any = client.sentinel_slaves("mymaster")
            assert state["num-other-sentinels"] == len(self.ports) - 1
            assert [row["master-link-status"] for row in replicas] == ["ok"]

    def fail_over(self) -> None:
        """An orderly failover, as an operator asks for one; the old master becomes the replica."""
        before = self.master

        def failed_over() -> None:
            # A Sentinel refuses while no replica is ready, and gives up if a busy machine takes too long.
            if self.master is before:
                with Redis(port=self.ports[0]) as client, contextlib.suppress(ResponseError):
                    client.execute_command("SENTINEL FAILOVER", "mymaster")
            self.led_by_another(before)

        eventually_blocking(failed_over, 60, 0.5)

    def led_by_another(self, before: PortServer) -> None:
        """Assert that there is another master, and that the one before is its replica or has ended."""
        assert self.master is not before
        try:
            assert not before.running or before.call("ROLE")[0] == b"slave"
        except RedisError as error:
            # A server closes its connections when its role changes.
            raise AssertionError(str(error)) from error


@contextlib.contextmanager
def _sentinel(directory: Path, binary: Path, port: int, master: int) -> Any:
    home = directory / f"sentinel-{port}"
    home.mkdir(parents=True)
    config = home / "sentinel.conf"
    config.write_text(
        f"port {port}\ndir {home}\nsentinel monitor mymaster 127.0.0.1 {master} 2\n"
        f"sentinel down-after-milliseconds mymaster {DOWN_MS}\nsentinel failover-timeout mymaster 4000\n"
    )
    launcher = [sys.executable, "-I", "-S", "-c", embedded._LAUNCHER, str(os.getpid())]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*launcher, str(binary), str(config), "--sentinel"], stdout=log, stderr=log
        )
    try:
        with Redis(port=port) as client:

            def quick() -> None:
                """The periods of a Sentinel are seconds.

                It demotes a master that no Sentinel has announced for four periods of publishing. The leader
                of a failover looks only once a second whether it has succeeded.
                """
                try:
                    client.execute_command(
                        "SENTINEL DEBUG",
                        *("PING-PERIOD", 100, "INFO-PERIOD", 200, "ASK-PERIOD", 100, "PUBLISH-PERIOD", 400),
                        *("SLAVE-RECONF-TIMEOUT", 1000, "MIN-LINK-RECONNECT-PERIOD", 100),
                    )
                except RedisError as error:
                    raise AssertionError(str(error)) from error

            eventually_blocking(quick)
        yield
    finally:
        process.kill()
        process.wait()


class ClusterDeployment(_Deployment):
    """Masters that share the slots evenly, each with as many replicas."""

    def __init__(
        self, directory: Path, binary: Path, masters: int = 1, replicas: int = 0, options: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self._masters = masters
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", str(DOWN_MS * 2), *options)
        # Replicas of a busy machine may lag.
        options += ("--cluster-replica-validity-factor", "0")
        ports = free_ports(masters * (1 + replicas))
        self.servers = [PortServer(directory / str(port), binary, port, options) for port in ports]

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(f'127.0.0.1:{server.port}' for server in self.servers)}"

    def start(self) -> None:
        for server in self.servers:
            self.stack.enter_context(server)
        masters, replicas = self.servers[: self._masters], self.servers[self._masters :]
        for number, master in enumerate(masters):
            bounds = (SLOTS * number // self._masters, SLOTS * (number + 1) // self._masters - 1)
            master.call("CLUSTER SET-CONFIG-EPOCH", number + 1)
            master.call("CLUSTER ADDSLOTSRANGE", *bounds)
        for server in self.servers[1:]:
            server.call("CLUSTER MEET", "127.0.0.1", masters[0].port)
        eventually_blocking(lambda: self.agree(len(self.servers)), 20)
        for number, replica in enumerate(replicas):
            replica.call("CLUSTER REPLICATE", self.id_of(masters[number % self._masters]))
        eventually_blocking(self.complete, 20)

    def id_of(self, server: PortServer) -> str:
        return server.call("CLUSTER MYID").decode()

    def agree(self, count: int) -> None:
        """Assert that every server knows `count` others and all slots."""
        for server in self.servers:
            info = server.call("CLUSTER INFO")
            assert (info["cluster_state"], info["cluster_known_nodes"]) == ("ok", str(count))

    def complete(self) -> None:
        """Assert that the cluster works and all replicas are in sync."""
        self.agree(len(self.servers))
        for server in self.servers:
            with server.client() as client:
                state = client.info("replication")
            assert state["role"] == "master" or state["master_link_status"] == "up"
        assert len(self.masters()) == self._masters

    def masters(self) -> list[PortServer]:
        """As a server that runs says."""
        ports = {row[2][1] for row in self._slots()}
        return [server for server in self.servers if server.port in ports]

    def _slots(self) -> list[Any]:
        running = next(server for server in self.servers if server.running)
        return running.call("CLUSTER SLOTS")

    def fail_over(self, master: PortServer) -> None:
        """An orderly failover, as an operator asks for one: it loses nothing."""
        name = self.id_of(master)

        def follows(server: PortServer) -> bool:
            return server.call("CLUSTER NODES")[f"127.0.0.1:{server.port}"]["master_id"] == name

        next(filter(follows, self.servers)).call("CLUSTER FAILOVER")
        eventually_blocking(lambda: self._demoted(master), 20)

    def _demoted(self, master: PortServer) -> None:
        assert master not in self.masters()

    def master_of(self, slot: int) -> PortServer:
        """As a server that runs says."""
        for first, last, (_, port, *_), *_ in self._slots():
            if first <= slot <= last:
                return next(found for found in self.servers if found.port == port)
        raise AssertionError(f"slot {slot} has no master")

    def begin_move(self, slot: int, target: PortServer) -> PortServer:
        """The slot is on its way to the target; returns its present master."""
        source = self.master_of(slot)
        target.call("CLUSTER SETSLOT", slot, "IMPORTING", self.id_of(source))
        source.call("CLUSTER SETSLOT", slot, "MIGRATING", self.id_of(target))
        return source

    def move_keys(self, slot: int, source: PortServer, target: PortServer, at_most: int) -> int:
        """Returns how many keys were moved."""
        found = source.call("CLUSTER GETKEYSINSLOT", slot, at_most)
        if found:
            source.call("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, "KEYS", *found)
        return len(found)

    def end_move(self, slot: int, target: PortServer) -> None:
        for server in (target, *(server for server in self.masters() if server is not target)):
            server.call("CLUSTER SETSLOT", slot, "NODE", self.id_of(target))

    def move(self, slot: int, target: PortServer, at_once: int = 100) -> None:
        """As `redis-cli --cluster reshard` moves a slot."""
        source = self.begin_move(slot, target)
        while self.move_keys(slot, source, target, at_once):
            pass
        self.end_move(slot, target)
