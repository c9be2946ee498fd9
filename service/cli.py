"""The command line: starts processes, and is a client of the API."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from service import exit_codes
from service.commands.registry import ENTRIES
from service.commands.target import Key, Profile, Url
from service.domain.errors import BackendUnavailable

app = typer.Typer(no_args_is_help=True, help="Job orchestration over HTTP.")
RUN = "Run"
#: The client commands that `app` has so far.
_added: set[str] = set()


def _print_version(wanted: bool) -> None:
    if wanted:
        from service.version import VERSION

        typer.echo(f"triage {VERSION}")
        raise typer.Exit()


@app.callback()
def options(
    url: Url = None,
    key: Key = None,
    profile: Profile = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Job orchestration over HTTP."""


@app.command("dev", rich_help_panel=RUN)
def dev(
    reload: Annotated[
        bool, typer.Option("--reload", help="Restart the worker when a Python file changes.")
    ] = False,
) -> None:
    """Start an embedded Valkey, the API and one worker, with data in .triage/.

    Without TRIAGE_HANDLERS, the worker runs the handlers of the current folder, else the samples.
    """
    from service.dev_server import run

    raise typer.Exit(run(reload=reload))


@app.command("new", rich_help_panel=RUN)
def new(
    name: Annotated[str, typer.Argument(help="Name of the folder and the module, such as shop-jobs.")],
) -> None:
    """Write a new project: a handler, its test, a Dockerfile, and values for the chart."""
    from service.scaffold import ProjectRefused, create_project

    try:
        folder, written = create_project(name, Path.cwd())
    except ProjectRefused as error:
        typer.echo(f"triage: {error.message}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"Wrote {folder.name}/: {', '.join(written)}")
    typer.echo(f"\nNext:\n  cd {folder.name}\n  triage dev --reload\n  python -m pytest")


@app.command("api", rich_help_panel=RUN)
def api(
    processes: Annotated[
        int | None,
        typer.Option(
            min=1, max=64, help="Processes that serve the port together. [default: TRIAGE_API_PROCESSES]"
        ),
    ] = None,
) -> None:
    """Serve the API."""
    from service.settings import load_settings, need_redis, warn_of_ignored_variables
    from service.telemetry.logs import configure_logs
    from service.telemetry.tracer import configure_tracing

    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    warn_of_ignored_variables()
    need_redis(settings)
    configure_tracing("triage-api")
    if (number := processes or settings.api_processes) > 1:
        from service.api.processes.supervisor import serve as supervise

        raise typer.Exit(supervise(settings, number))
    from service.api.main import serve

    serve(settings)


@app.command("worker", rich_help_panel=RUN)
def worker() -> None:
    """Run one worker."""
    from service.environment import search_current_folder
    from workers.main import main as work

    search_current_folder()
    work()


@app.command("openapi", rich_help_panel=RUN)
def openapi() -> None:
    """Print the OpenAPI document."""
    import orjson

    from service.api.export import openapi_document

    sys.stdout.write(orjson.dumps(openapi_document(), option=orjson.OPT_INDENT_2).decode() + "\n")


@app.command("check", rich_help_panel=RUN)
def check(
    connect: Annotated[bool, typer.Option("--connect", help="Also check that Redis is usable.")] = False,
) -> None:
    """Validate the configuration and the handlers, then exit."""
    from service.environment import search_current_folder
    from service.settings import ignored_variables, load_settings, need_redis
    from workers.arq.settings import name_ignored, worker_settings
    from workers.handling.registry import Registry

    search_current_folder()
    settings = load_settings()
    if ignored := ignored_variables():
        typer.echo(
            f"triage: ignored these variables, which Kubernetes sets for Services: {', '.join(ignored)}",
            err=True,
        )
    if connect:
        from service.store.redis.server_check import check_server
        from service.telemetry.logs import warnings_to_stderr

        warnings_to_stderr()
        need_redis(settings)
        asyncio.run(check_server(settings.redis_url, patient=False, namespace=settings.namespace))
    registry = Registry.load(settings.handler_paths)
    for sentence in name_ignored(worker_settings(settings, registry.settings), registry.settings):
        typer.echo(f"Not supported: {sentence}", err=True)
    typer.echo(f"The configuration is valid: {len(registry.handlers)} job types.")


def add_commands(only: str | None = None) -> None:
    """Add the client commands, or the one that is typed: their imports take time."""
    for entry in ENTRIES:
        if entry.name not in _added and only in (None, entry.name):
            entry.add_to(app)
            _added.add(entry.name)
    order = [entry.name for entry in ENTRIES]
    for rows in (app.registered_commands, app.registered_groups):
        rows.sort(key=lambda row: order.index(row.name) if row.name in order else -1)


def _typed() -> str | None:
    """The command that is typed, or completed, if it is certain without parsing: it comes first."""
    words = (
        sys.argv[1:] or os.environ.get("_TYPER_COMPLETE_ARGS", os.environ.get("COMP_WORDS", "")).split()[1:]
    )
    return words[0] if words else None


def main() -> None:
    """Exit codes are in docs/reference/command-line.md."""
    typed = _typed()
    if typed not in {command.name for command in app.registered_commands} - _added:
        add_commands(typed if typed in {entry.name for entry in ENTRIES} else None)
    try:
        with exit_codes.reporting_configuration():
            app(prog_name="triage")
    except BackendUnavailable as error:
        sys.stderr.write(f"triage: {error.message}\n")
        raise SystemExit(exit_codes.UNAVAILABLE) from error
