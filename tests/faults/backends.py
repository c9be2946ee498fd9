"""Redis under the nemesis: a server behind two networks, Sentinels, or a cluster, each with its faults."""

import asyncio
import contextlib
import os
import random
import signal
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Generator, Sequence
from pathlib import Path
from typing import Any, Protocol

from redis import Redis

from service.store.redis import keys
from service.store.redis.embedded import EmbeddedServer
from service.store.redis.routing.layout import slot_of
from tests.faults.proxy import Proxy
from tests.support.deployments import SURVIVES_KILLS, ClusterDeployment, PortServer, SentinelDeployment
from tests.support.eventually import eventually, eventually_blocking

#: In seconds; the longer one exceeds a lease and a failover: a frozen process has lost its jobs, and a frozen
#: master its role.
SHORT, LONG = 0.8, 4.5
#: How long a failover, and a return to full redundancy, may take, in seconds.
RECOVERY = 90

#: A fault with its weight.
Fault = tuple[Callable[[], Awaitable[None]], int]


class Backend(Protocol):
    """The Redis of a site. `front` is the URL for APIs and `back` for workers."""

    url: str
    front: str
    back: str
    #: A failover may lose what no replica has received.
    fails_over: bool

    def faults(self, chance: random.Random) -> Sequence[Fault]: ...


class OneServer:
    """A server whose clients reach it through two networks."""

    fails_over = False

    def __init__(self, server: EmbeddedServer, front: Proxy, back: Proxy) -> None:
        self.server, self._front, self._back = server, front, back
        self.url, self.front, self.back = server.url, front.url, back.url

    def faults(self, chance: random.Random) -> Sequence[Fault]:
        self._chance = chance
        return [
            (self.crash_redis, 1),
            (self.freeze_redis, 1),
            (self.flush_functions, 1),
            (self.kill_connections, 1),
            (self.lose_replies, 3),
            (self.be_slow, 2),
            (self.be_mute, 2),
            (self.cut, 2),
        ]

    async def crash_redis(self) -> None:
        self.server.kill()
        self.server.start()

    async def freeze_redis(self) -> None:
        await freeze(self.server, self._chance.choice((SHORT, LONG)))

    async def flush_functions(self) -> None:
        with Redis.from_url(self.url) as redis:
            client: Any = redis
            client.function_flush()

    async def kill_connections(self) -> None:
        with Redis.from_url(self.url) as redis:
            client: Any = redis
            client.client_kill_filter(_type="normal", skipme=True)

    async def lose_replies(self) -> None:
        await self._weather(lose_reply=self._chance.choice((2, 5, 11)))

    async def be_slow(self) -> None:
        await self._weather(latency=(0.02, 0.25))

    async def be_mute(self) -> None:
        await self._weather(**{self._chance.choice(("silence", "silent_replies")): True})

    async def cut(self) -> None:
        for _ in range(5):
            self._chance.choice((self._front, self._back)).cut()
            await passed(0.1)

    async def _weather(self, **changes: Any) -> None:
        with contextlib.ExitStack() as stack:
            for proxy in self._chance.choice(([self._front], [self._back], [self._front, self._back])):
                stack.enter_context(proxy.weather(**changes))
            await passed(2 * SHORT)


class _Replicated(ABC):
    """Masters with replicas, of which one takes over."""

    fails_over = True

    def __init__(self, deployment: SentinelDeployment | ClusterDeployment) -> None:
        self.deployment = deployment
        self.url = self.front = self.back = deployment.url

    def faults(self, chance: random.Random) -> Sequence[Fault]:
        self._chance = chance
        return [
            (self.kill_master, 2),
            (self.freeze_master, 2),
            (self.fail_over, 2),
            (self.crash_replica, 1),
            (self.flush_functions, 1),
            (self.kill_connections, 1),
        ]

    @abstractmethod
    def master(self) -> PortServer: ...

    @abstractmethod
    async def fail_over(self) -> None: ...

    async def kill_master(self) -> None:
        master = self.master()
        master.kill()
        await asyncio.to_thread(eventually_blocking, lambda: self._replaced(master), RECOVERY)
        master.start()
        await self.recovered()

    async def freeze_master(self) -> None:
        """The longer one returns as a master that does not know of its successor."""
        await freeze(self.master(), self._chance.choice((SHORT, LONG)))
        await self.recovered()

    async def crash_replica(self) -> None:
        replica = self._chance.choice(
            [found for found in self.deployment.servers if found is not self.master()]
        )
        replica.kill()
        replica.start()
        await self.recovered()

    async def flush_functions(self) -> None:
        self.master().call("FUNCTION FLUSH")

    async def kill_connections(self) -> None:
        with self.master().client() as client:
            client.client_kill_filter(_type="normal", skipme=True)

    async def recovered(self) -> None:
        await asyncio.to_thread(eventually_blocking, self.deployment.complete, RECOVERY, 0.1)

    def _replaced(self, master: PortServer) -> None:
        assert self.master() is not master


class Sentinels(_Replicated):
    deployment: SentinelDeployment

    def master(self) -> PortServer:
        return self.deployment.master

    async def fail_over(self) -> None:
        await asyncio.to_thread(self.deployment.fail_over)
        await self.recovered()


class Shards(_Replicated):
    deployment: ClusterDeployment

    def faults(self, chance: random.Random) -> Sequence[Fault]:
        return [*super().faults(chance), (self.move_slot, 3)]

    def master(self) -> PortServer:
        """Of the namespace under load."""
        return self.deployment.master_of(slot_of(keys.prefix("default")))

    async def fail_over(self) -> None:
        await asyncio.to_thread(self.deployment.fail_over, self.master())
        await self.recovered()

    async def move_slot(self) -> None:
        slot, master = slot_of(keys.prefix("default")), self.master()
        target = self._chance.choice([found for found in self.deployment.masters() if found is not master])
        await asyncio.to_thread(self.deployment.move, slot, target, self._chance.choice((10, 1000)))
        await self.recovered()


async def freeze(server: EmbeddedServer, seconds: float) -> None:
    os.kill(server.pid, signal.SIGSTOP)
    await passed(seconds)
    os.kill(server.pid, signal.SIGCONT)


async def passed(seconds: float) -> None:
    """The time for which a fault lasts."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds

    def over() -> None:
        assert clock() >= until

    await eventually(over, seconds + 10)


@contextlib.contextmanager
def backend_of(kind: str, directory: Path, binary: Path) -> Generator[Backend]:
    """A new one of the kind `server`, `sentinel` or `cluster`."""
    with contextlib.ExitStack() as stack:
        if kind == "sentinel":
            yield Sentinels(stack.enter_context(SentinelDeployment(directory / "redis", binary)))
        elif kind == "cluster":
            deployment = ClusterDeployment(directory / "redis", binary, masters=3, replicas=1)
            yield Shards(stack.enter_context(deployment))
        else:
            server = stack.enter_context(EmbeddedServer(directory / "data", binary, SURVIVES_KILLS))
            path = Path(server.url.removeprefix("unix://"))
            front, back = (stack.enter_context(Proxy(path, seed=seed)) for seed in (1, 2))
            yield OneServer(server, front, back)
