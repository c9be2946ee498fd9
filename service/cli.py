"""The command line: starts processes, and is a client of the API."""

import asyncio
import sys
from functools import cache
from typing import Annotated

import typer

from service.domain.errors import BackendUnavailable, ConfigurationInvalid

EXIT_UNAVAILABLE = 69
EXIT_CONFIGURATION = 78

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Job orchestration over HTTP.")


@app.command()
def dev() -> None:
    """Start an embedded Valkey, the API and one worker, with data in .triage/."""
    from service.dev_server import run

    raise typer.Exit(run())


@app.command()
def api() -> None:
    """Serve the API."""
    from service.api.main import serve
    from service.settings import load_settings, warn_of_ignored_variables
    from service.telemetry.logs import configure_logs
    from service.telemetry.tracer import configure_tracing

    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    warn_of_ignored_variables()
    configure_tracing("triage-api")
    _need_redis(settings.redis_url)
    serve(settings)


@app.command()
def worker() -> None:
    """Run one worker."""
    from workers.main import main as work

    work()


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    import orjson

    from service.api.export import openapi_document

    sys.stdout.write(orjson.dumps(openapi_document(), option=orjson.OPT_INDENT_2).decode() + "\n")


@app.command()
def check(
    connect: Annotated[bool, typer.Option("--connect", help="Also check that Redis is usable.")] = False,
) -> None:
    """Validate the configuration and the handlers, then exit."""
    from service.settings import ignored_variables, load_settings
    from workers.arq.settings import name_ignored, worker_settings
    from workers.handling.registry import Registry

    settings = load_settings()
    if ignored := ignored_variables():
        typer.echo(
            f"triage: ignored these variables, which Kubernetes sets for Services: {', '.join(ignored)}",
            err=True,
        )
    if connect:
        from service.store.redis.server_check import check_server

        _need_redis(settings.redis_url)
        asyncio.run(check_server(settings.redis_url, patient=False))
    registry = Registry.load(settings.handler_paths)
    for sentence in name_ignored(worker_settings(settings, registry.settings), registry.settings):
        typer.echo(f"Not supported: {sentence}", err=True)
    typer.echo(f"The configuration is valid: {len(registry.handlers)} job types.")


def _need_redis(url: str) -> None:
    if not url:
        raise ConfigurationInvalid(
            "TRIAGE_REDIS_URL: required here; only `triage dev` starts an embedded server."
        )


@cache
def add_commands() -> None:
    """Add the client commands. Their imports would slow down the start of `triage api` and `worker`."""
    from service.commands import client, dead_letters, fan_out, flows, keys, namespaces
    from service.commands.bench.command import bench

    app.add_typer(keys.app, name="keys", help="API keys.")
    app.add_typer(namespaces.app, name="namespaces", help="Namespaces and their quotas.")
    app.add_typer(dead_letters.app, name="dlq", help="The dead-letter queue.")
    for command in (
        client.submit, client.get, client.tail, client.queues, client.schedules, flows.flow, flows.graph
    ):  # fmt: skip
        app.command()(command)
    app.command()(fan_out.fan_out)
    app.command()(bench)


def main() -> None:
    """Exit codes are in docs/reference/command-line.md."""
    from service.commands.responses import Refused

    add_commands()
    try:
        app()
    except ConfigurationInvalid as error:
        sys.stderr.write("".join(f"triage: {line}\n" for line in error.message.splitlines()))
        raise SystemExit(EXIT_CONFIGURATION) from error
    except BackendUnavailable as error:
        sys.stderr.write(f"triage: {error.message}\n")
        raise SystemExit(EXIT_UNAVAILABLE) from error
    except Refused as error:
        sys.stderr.write(error.lines)
        raise SystemExit(1) from error
