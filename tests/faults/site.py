"""Two API processes and three workers, each behind its own network, restarted when they exit."""

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx

from tests.e2e.fork_server import ForkedProcess
from tests.e2e.processes import Cluster, free_port
from tests.faults.backends import Backend
from tests.support.eventually import eventually_blocking

APIS, WORKERS = 2, 3


@dataclass
class Place:
    """A position that one process fills; `ended` has its predecessors' exit statuses, by fault."""

    command: str
    settings: dict[str, Any]
    process: ForkedProcess
    ended: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])


class Site:
    """The processes and servers that a fault may hit."""

    def __init__(self, directory: Path, backend: Backend) -> None:
        self.backend = backend
        # It needs only the URL.
        self.cluster = Cluster(directory, cast(Any, backend))
        self.ports = [free_port() for _ in range(APIS)]
        self.apis = [self._place("api", redis_url=backend.front, port=port) for port in self.ports]
        self.workers = [self._place("worker", redis_url=backend.back, concurrency=8) for _ in range(WORKERS)]

    @property
    def urls(self) -> Sequence[str]:
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    def replace(self, place: Place, sent: signal.Signals) -> None:
        """Send the signal, and start a replacement."""
        if sent is signal.SIGTERM:
            eventually_blocking(lambda: _listens(place.process.pid, sent), 30)
        place.process.send_signal(sent)
        if sent is signal.SIGTERM:
            # A frozen process does not receive it.
            place.process.send_signal(signal.SIGCONT)
        place.ended.append((sent.name, place.process.wait(30)))
        place.process = self.cluster.start(place.command, **place.settings)

    def calm(self) -> None:
        """Every process runs and responds."""
        for place in [*self.apis, *self.workers]:
            place.process.send_signal(signal.SIGCONT)
        for url in self.urls:
            eventually_blocking(lambda url=url: _ready(url), 90)

    def stop(self) -> None:
        self.cluster.stop()

    def _place(self, command: str, **settings: Any) -> Place:
        return Place(command, settings, self.cluster.start(command, **settings))


def _listens(pid: int, sent: signal.Signals) -> None:
    """Its signal handlers are installed; before that, the signal would kill it."""
    caught = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert caught is not None
    assert int(caught[1], 16) >> (sent - 1) & 1


def _ready(url: str) -> None:
    try:
        assert httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError as error:
        raise AssertionError from error
