"""`triage top`: reads the figures again and again, and draws them until `q`."""

import asyncio
import contextlib
import os
import signal
import sys
import termios
import time
import tty
from collections.abc import Generator
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.live import Live

from service.commands.connection import Api, check_members, connected
from service.commands.errors import RETRIES, SECONDS, is_temporary
from service.commands.members import QUEUE, WORKER
from service.commands.output.documents import print_document
from service.commands.output.listing import Json
from service.commands.top.figures import Order, Snapshot, View
from service.commands.top.screen import frame
from service.tasks import end
from triage_client import ApiError, AsyncTriage, TriageError

#: The most queues and workers that are read.
QUEUES, WORKERS = 200, 1_000


@connected
def top(
    api: Api,
    interval: Annotated[float, typer.Option(min=0.05, help="Seconds between refreshes.")] = 2.0,
    order: Annotated[Order, typer.Option(help="Of the queues; the key o changes it.")] = "attention",
    once: Annotated[bool, typer.Option("--once", help="Print the figures once, and end.")] = False,
    json: Json = False,
) -> None:
    """Show queues, rates and workers, live, until you press q.

    With --json, each refresh is one document in one line. Into a pipe or a file, it prints the figures once.
    The key needs the scopes queues:read and workers:read.
    """
    view = View(api.address, interval, order)
    once = once or (not json and not (sys.stdout.isatty() and sys.stdin.isatty()))
    asyncio.run(_run(api, view, once, json))


async def _run(api: Api, view: View, once: bool, json: bool) -> None:
    target = api.target
    async with AsyncTriage(target.url, target.key, timeout=SECONDS, max_retries=RETRIES) as triage:
        # A first problem ends the command; later ones are shown, because they may pass.
        view.take_over(await read(triage))
        if not json and not once:
            await Screen(triage, view).run()
            return
        while True:
            if json:
                assert view.snapshot is not None
                print_document(view.snapshot.document())
            else:
                Console().print(frame(view, Console()))
            if once:
                return
            await asyncio.sleep(view.seconds)
            view.take_over(await read(triage))


async def read(triage: AsyncTriage) -> Snapshot:
    """Raises TriageError."""
    place = "/v1/queues"
    found = await triage.request("GET", place, parameters={"order": "attention", "limit": QUEUES})
    odd = f"{triage.url}{place} responded with other JSON"
    check_members(odd, [found], ("items", "totals"))
    check_members(odd, found["items"], QUEUE)
    workers: list[Any] | None = None
    try:
        workers = [worker.data async for worker in triage.workers(limit=WORKERS)]
    except ApiError as error:
        # A key that may only read queues still gets a useful screen.
        if error.code != "scope_missing":
            raise
    check_members(odd, workers or [], WORKER)
    return Snapshot(found["items"], found["totals"], workers, time.time())


class _Display(Protocol):
    def update(self, renderable: Any, *, refresh: bool = ...) -> None: ...


class Screen:
    """The terminal while `triage top` runs."""

    def __init__(self, triage: AsyncTriage, view: View) -> None:
        self._triage = triage
        self._view = view
        self._console = Console()
        self._left = asyncio.Event()

    async def run(self) -> None:
        """Returns after `q`."""
        loop, fd = asyncio.get_running_loop(), sys.stdin.fileno()
        with (
            _keys_without_enter(fd),
            Live(console=self._console, screen=True, auto_refresh=False, vertical_overflow="crop") as live,
        ):
            self._draw(live)
            loop.add_reader(fd, self._press, fd, live)
            loop.add_signal_handler(signal.SIGWINCH, self._draw, live)
            refreshing = asyncio.ensure_future(self._refresh(live))
            leaving = asyncio.ensure_future(self._left.wait())
            try:
                await asyncio.wait({refreshing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                loop.remove_reader(fd)
                loop.remove_signal_handler(signal.SIGWINCH)
                failed = refreshing.done() and refreshing
                await end([refreshing, leaving])
        if failed:
            failed.result()

    async def _refresh(self, live: _Display) -> None:
        while True:
            await asyncio.sleep(self._view.seconds)
            try:
                self._view.take_over(await read(self._triage))
            except TriageError as error:
                if not is_temporary(error):
                    raise
                self._view.problem = str(error).partition("\n")[0]
            self._draw(live)

    def _draw(self, live: _Display) -> None:
        live.update(frame(self._view, self._console), refresh=True)

    def _press(self, fd: int, live: _Display) -> None:
        keys = os.read(fd, 64)
        # An empty read: the terminal is gone.
        if not keys or b"q" in keys:
            self._left.set()
        elif b"o" in keys:
            self._view.next_order()
            self._draw(live)


@contextlib.contextmanager
def _keys_without_enter(fd: int) -> Generator[None]:
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
