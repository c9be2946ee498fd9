"""`triage bench`: options, signals, exit codes."""

import asyncio
import contextlib
import secrets
import signal
import sys
import time
from typing import Annotated, Any

import orjson
import typer
import uvloop
from rich.console import Console
from rich.progress import Progress

from service.clock import Clock
from service.commands.bench.api import Api, open_apis
from service.commands.bench.cleaning import clean
from service.commands.bench.figures import figures
from service.commands.bench.plan import SAMPLE, Plan
from service.commands.bench.run import Measured, QueueBusy, Run, SampleMissing
from service.commands.bench.submission import Submitter
from service.commands.bench.table import print_figures
from service.commands.connection import Api as Connected
from service.commands.connection import connected
from service.commands.errors import complain
from service.commands.output.documents import print_document
from service.commands.output.groups import progress_bar
from service.commands.output.listing import Json
from service.commands.target import Target
from service.exit_codes import INTERRUPTED
from triage_client import TriageError


@connected
def bench(
    api: Connected,
    jobs: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many jobs to measure.")] = 1_000,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="How many connections submit jobs.")] = 16,
    batch: Annotated[int, typer.Option(min=1, max=1_000, help="Jobs per request.")] = 1,
    queue: Annotated[str, typer.Option(help="The queue; nothing else should use it.")] = "bench",
    job: Annotated[
        str,
        typer.Option(help="Job type; its handler really runs. The default is one of the sample handlers."),
    ] = SAMPLE,
    payload: Annotated[
        str | None,
        typer.Option(help='JSON object; the default for sync-data is {"source": "bench", "pages": 0}'),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Measure even if the queue has other jobs.")] = False,
    timeout: Annotated[
        float, typer.Option(min=1, max=86_400, help="Time limit for the whole measurement, in seconds.")
    ] = 300,
    json: Json = False,
) -> None:
    """Measure an installation: submit jobs, wait until they finish, remove them.

    Every connection sends its next request after the response to the last one, so a slow server gets fewer
    requests. Request latency uses this machine's clock and includes the network. Job times use the clock of
    the server's Redis, in whole milliseconds; the report never mixes the two. A warm-up is not counted. Jobs
    have one attempt and the tag triage-bench.

    The key needs the scopes jobs:read, jobs:write and queues:read. Ctrl-C cancels and deletes the submitted
    jobs; a second Ctrl-C leaves them. The exit code is 0 if all jobs were accepted and succeeded.
    """
    plan = Plan(
        secrets.token_hex(4), jobs, concurrency, batch, queue, job, _payload(job, payload), force, timeout
    )
    with progress_bar(json) as progress:
        command = _Command(plan, api.target, progress)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            try:
                measured = runner.run(command.run())
            except asyncio.CancelledError:
                _say(f"interrupted; jobs tagged {plan.tag} may remain")
                raise typer.Exit(INTERRUPTED) from None
    if measured is None:
        raise typer.Exit(INTERRUPTED if command.interrupted else 1)
    document = figures(plan, api.address, measured)
    if json:
        print_document(document)
    else:
        print_figures(document, Console())
    if measured.why is not None:
        _say(f"some jobs have not finished after {timeout:g} s. {measured.why}")
    raise typer.Exit(0 if document["states"] == {"succeeded": jobs} and not command.left else 1)


def _payload(job: str, text: str | None) -> dict[str, Any]:
    if text is None:
        return {"source": "bench", "pages": 0} if job == SAMPLE else {}
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise typer.BadParameter(f"not JSON: {error.msg}", param_hint="--payload") from error
    if not isinstance(found, dict):
        raise typer.BadParameter("not a JSON object", param_hint="--payload")
    return found


def _say(line: str) -> None:
    sys.stderr.write(f"triage: {line}\n")


class _Command:
    """A measurement and its cleanup; `left` is whether jobs remain that it could not remove."""

    def __init__(self, plan: Plan, target: Target, progress: Progress | None) -> None:
        self._plan = plan
        self._target = target
        self._progress = progress
        self._bars: dict[str, Any] = {}
        self.interrupted = self.left = self._abandoned = False

    async def run(self) -> Measured | None:
        """Returns None if there are no figures; the reason is on standard error."""
        async with contextlib.AsyncExitStack() as stack:
            api, *connections = await open_apis(self._target, 1 + self._plan.concurrency, stack)
            submitter = Submitter(connections, self._plan.spec(), Clock(), time.process_time)
            run = Run(api, self._plan, submitter, self._show, _say)
            measuring = asyncio.ensure_future(run.measure())
            self._cancel_by_signal(measuring)
            try:
                return await measuring
            except asyncio.CancelledError:
                if self._abandoned:
                    raise
            except QueueBusy as error:
                _say(f"{error}. Use --force to measure anyway.")
            except SampleMissing as error:
                _say(f"{error}.")
            except TriageError as error:
                complain(error)
            finally:
                if run.submitted and not self._abandoned:
                    await self._clean(api, run.submitted)
            return None

    def _cancel_by_signal(self, measuring: "asyncio.Future[Measured]") -> None:
        loop, whole = asyncio.get_running_loop(), asyncio.current_task()
        assert whole is not None

        def stop() -> None:
            if measuring.done() or self.interrupted:
                # `run` may still be waiting for the measurement to stop, and must not clean up afterwards.
                self._abandoned = True
                whole.cancel()
            else:
                _say("interrupted; removing the submitted jobs; interrupt again to leave them")
                measuring.cancel()
            self.interrupted = True

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)

    async def _clean(self, api: Api, jobs: int) -> None:
        try:
            self.left = not await clean(
                api, self._plan.tag, jobs, lambda count: self._show("removing", count, jobs)
            )
        except TriageError as error:
            complain(error)
            self.left = True
        if self.left:
            _say(f"some jobs remain, tagged {self._plan.tag}; delete them with POST /v1/bulk-actions")
        elif self.interrupted:
            _say("the submitted jobs are cancelled and deleted")

    def _show(self, phase: str, done: int, of: int) -> None:
        if self._progress is None:
            return
        if phase not in self._bars:
            self._bars[phase] = self._progress.add_task(phase, total=of)
        self._progress.update(self._bars[phase], completed=done, total=of)
