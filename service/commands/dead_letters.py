"""`triage dlq`: show, retry and delete dead jobs."""

from typing import Annotated, Any

import orjson
import typer

from service.commands import following
from service.commands.client import DEFAULT_URL, Json, Key, Url, call, every, path, show_job
from service.commands.responses import GROUP, JOB
from service.commands.tables import print_table, table_of

app = typer.Typer(no_args_is_help=True)


@app.command(name="list")
def list_dead(json: Json = False, url: Url = DEFAULT_URL, key: Key = "") -> None:
    """Show dead jobs."""
    rows = every(url, key, "/v1/dlq", ("job_id", "name", "queue", "reason", "failures", "error"))
    if json:
        typer.echo(orjson.dumps(rows).decode())
        return
    table = table_of("job", "name", "queue", "reason", "failures", "error")
    for row in rows:
        error = row["error"] or {}
        text = f"{error.get('type', '')}: {error.get('message', '')}"[:80]
        table.add_row(row["job_id"], row["name"], row["queue"], row["reason"], str(row["failures"]), text)
    print_table(table)


@app.command()
def retry(
    job_id: Annotated[
        str | None, typer.Argument(help="A job ID; without it, all jobs that match the options.")
    ] = None,
    queue: Annotated[str | None, typer.Option()] = None,
    name: Annotated[str | None, typer.Option(help="Job type.")] = None,
    reason: Annotated[str | None, typer.Option(help="The reason why the jobs are dead.")] = None,
    rate: Annotated[float | None, typer.Option(help="The most jobs per second.")] = None,
    max: Annotated[int | None, typer.Option(help="The most jobs to retry.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the matching jobs.")] = False,
    json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Run a dead job again, or all that match. After Ctrl-C, retrying them continues on the server."""
    filter = {
        field: value
        for field, value in (("queue", queue), ("name", name), ("reason", reason))
        if value is not None
    }
    if job_id is not None:
        if filter or dry_run or rate is not None or max is not None:
            raise typer.BadParameter("give a job ID or options, not both", param_hint="JOB_ID")
        show_job(call(url, key, "POST", path("/v1/dlq", job_id, "retry"), needs=JOB), json)
        return
    preview = call(
        url,
        key,
        "POST",
        "/v1/dlq/retry",
        needs=("matched", "at_least"),
        json={"filter": filter, "dry_run": True},
    )
    if dry_run:
        least = "at least " if preview["at_least"] else ""
        typer.echo(orjson.dumps(preview).decode() if json else f"{least}{preview['matched']} match")
        return
    body = {"filter": filter, "rate_per_second": rate, "max": max}
    action = call(url, key, "POST", "/v1/dlq/retry", needs=GROUP, json=body)
    total = None if preview["at_least"] else min(preview["matched"], max or preview["matched"])
    with following.progress_bar(json) as progress:
        bar = None if progress is None else progress.add_task("retrying", total=total)

        def show(counts: dict[str, Any]) -> None:
            if progress is not None and bar is not None:
                progress.update(bar, completed=counts["matched"])

        where = path("/v1/bulk-actions", action["id"])
        action = following.until_ended(
            lambda headers: call(url, key, "GET", where, needs=GROUP, params={"wait": 20}, headers=headers),
            ("running", "paused"),
            show,
        )
    counts = action["counts"]
    line = f"{action['id']}  {action['state']}: {counts['succeeded']} retried, {counts['skipped']} skipped"
    typer.echo(orjson.dumps(action).decode() if json else line)
    raise typer.Exit(0 if action["state"] == "succeeded" else 1)


@app.command()
def delete(job_id: str, url: Url = DEFAULT_URL, key: Key = "") -> None:
    """Delete a dead job."""
    call(url, key, "DELETE", path("/v1/dlq", job_id))
    typer.echo(f"Deleted {job_id}.")
