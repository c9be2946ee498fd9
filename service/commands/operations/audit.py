"""`triage audit`."""

import asyncio
import os
import time
from typing import Annotated, Any

import typer

from service import exit_codes
from service.api.responses.audits import report_document
from service.clock import Clock
from service.commands.connection import Api, connected
from service.commands.direct import with_redis
from service.commands.members import AUDIT
from service.commands.output.details import Details
from service.commands.output.documents import print_document
from service.commands.output.listing import Json
from service.commands.output.pauses import pause
from service.commands.output.times import both
from service.commands.tables import printable
from service.domain.audit import Report
from service.domain.ids import IdFactory
from service.settings import load_settings
from service.store.audit.cycle import Terms
from service.store.namespace import Namespace
from service.store.redis.connect import RedisClient

#: The pause between two checks whether the audit is complete, in seconds.
POLL = 0.5

Document = dict[str, Any]


@connected
def audit(
    api: Api,
    last: Annotated[bool, typer.Option("--last", help="Show the last report, without a new audit.")] = False,
    direct: Annotated[
        bool,
        typer.Option("--direct", help="Audit from here, with TRIAGE_REDIS_URL, without API and workers."),
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, max=86_400, help="How long to wait for the report, in seconds.")
    ] = 600,
    json: Json = False,
) -> None:
    """Compare what is stored about jobs with the jobs, and repair what has only one right form.

    The exit code is 0 if nothing is left to repair, 1 if something is, and 5 if there is no report in time.
    """
    report = report_document(_audit_here()) if direct else _last(api) if last else _new(api, wait)
    if json:
        print_document(report)
    else:
        _show(report)
    raise typer.Exit(exit_codes.REFUSED if report["unrepaired"] else exit_codes.SUCCEEDED)


def _last(api: Api) -> Document:
    report = api.read("/v1/audit", AUDIT)["report"]
    if report is None:
        typer.echo("triage: there is no report yet", err=True)
        raise typer.Exit(exit_codes.UNFINISHED)
    return report


def _new(api: Api, wait: float) -> Document:
    """The report of an audit that begins after the request."""
    deadline = time.monotonic() + wait
    found = api.send("POST", "/v1/audit", AUDIT)
    requested_at = found["requested_at"]
    while (report := found["report"]) is None or report["started_at"] < requested_at:
        if time.monotonic() >= deadline:
            running = found["running_since"] is not None
            reason = "the audit is still running" if running else "no worker has begun the audit"
            typer.echo(f"triage: {reason} after {wait:g} s", err=True)
            raise typer.Exit(exit_codes.UNFINISHED)
        pause(POLL)
        found = api.read("/v1/audit", AUDIT)
    return report


def _audit_here() -> Report:
    settings = load_settings()
    holder = IdFactory(Clock().now_ms, os.urandom).new("au")
    terms = Terms(settings.lease_ms, cancel_grace_ms=round(settings.cancel_grace_seconds * 1000))

    async def use(redis: RedisClient) -> Report:
        audits = Namespace(redis, settings.namespace, settings.dead_retention_ms).audits
        while (seconds := await audits.claim(holder, 0, now=True)) is not None:
            typer.echo("triage: a worker is auditing the namespace; waiting for it", err=True)
            await asyncio.sleep(seconds)
        return await audits.run(holder, terms)

    return with_redis(use, ())


def _show(report: Document) -> None:
    details = Details()
    details.add("started", both(report["started_at"]))
    details.add("ended", both(report["ended_at"]))
    details.add("compared", f"{report['jobs']} jobs, {report['entries']} entries and records")
    if not report["all_keys"]:
        details.add("", "jobs that no index names were not found: the Redis user may not SCAN")
    if not report["counters"]:
        details.add(
            "", "counters were not compared: over 200,000 jobs, constant changes, or an unreadable record"
        )
    details.add("repaired", str(report["repaired"]))
    details.add("unrepaired", str(report["unrepaired"]))
    for finding in report["findings"]:
        about = f" {finding['resource_id']}" if finding["resource_id"] else ""
        text = f"{finding['kind']} {finding['key']}{about}: {finding['detail']}"
        details.add(finding["outcome"], printable(text))
    details.show()
