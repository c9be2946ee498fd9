"""`triage submit`, `get`, `tail`, `queues`, `schedules`: a client of the HTTP API like any other."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import orjson
import typer

from service.commands.connection import open_client, unreachable
from service.commands.responses import JOB, LATER, PAGE, Refused, document_of, rows_of
from service.commands.tables import print_table, table_of

#: Exit codes of commands that wait for a job, by its state; UNFINISHED if it does not finish in time.
ENDS = {"succeeded": 0, "dead": 3, "cancelled": 4}
UNFINISHED = 5
FINISHED = tuple(ENDS)
#: The timeout of a request, in seconds: longer than any long poll.
SECONDS = 35.0
#: How long a waiting command tolerates an unresponsive API, and the pause between retries, in seconds.
PATIENCE, PAUSE = 30.0, 0.5

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Url = Annotated[str, typer.Option("--url", envvar="TRIAGE_URL", help="The URL of the API.")]
Key = Annotated[
    str, typer.Option("--key", envvar="TRIAGE_API_KEY", help="API key; not needed with `triage dev`.")
]
DEFAULT_URL = "http://127.0.0.1:8080"


def submit(
    name: str,
    payload: Annotated[str, typer.Argument(help="A JSON object.")] = "{}",
    queue: Annotated[str | None, typer.Option()] = None,
    priority: Annotated[int | None, typer.Option(help="0 to 1000; lower runs first.")] = None,
    delay: Annotated[float | None, typer.Option(help="Seconds.")] = None,
    wait: Annotated[
        float, typer.Option(min=0, max=86_400, help="How long to wait for the job to finish, in seconds.")
    ] = 0,
    idempotency_key: Annotated[str | None, typer.Option()] = None,
    json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Submit a job.

    With --wait, the exit code says how the job finished: 0 succeeded, 3 dead, 4 cancelled, 5 not in time.
    """
    try:
        body: dict[str, Any] = {"name": name, "payload": orjson.loads(payload)}
    except orjson.JSONDecodeError as error:
        raise typer.BadParameter(f"not JSON: {error.msg}", param_hint="PAYLOAD") from error
    options = {"queue": queue, "priority": priority, "delay_seconds": delay}
    body |= {field: value for field, value in options.items() if value is not None}
    headers = {"Prefer": f"wait={min(wait, 30):.3f}"} if wait else {}
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    deadline = time.monotonic() + wait
    job = call(url, key, "POST", "/v1/jobs", needs=JOB, json=body, headers=headers)
    if wait:
        job = _follow(url, key, job, deadline)
    show_job(job, json)
    if wait:
        _end(job, f"has not finished after {wait:g} s")


def get(
    job_id: str,
    explain: Annotated[bool, typer.Option("--explain", help="Show why the job is in its state.")] = False,
    json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Show a job."""
    if explain:
        found = call(url, key, "GET", path("/v1/jobs", job_id, "explain"), needs=("state", "reasons"))
        lines = [f"{row['code']}: {row['message']}" for row in found["reasons"]]
        typer.echo(orjson.dumps(found).decode() if json else "\n".join([found["state"], *lines]))
        return
    show_job(call(url, key, "GET", path("/v1/jobs", job_id), needs=JOB), json)


def tail(job_id: str, json: Json = False, url: Url = DEFAULT_URL, key: Key = "") -> None:
    """Follow a job until it finishes; exit code 0 succeeded, 3 dead, 4 cancelled."""

    def show(job: dict[str, Any]) -> None:
        progress = job["progress"] or {}
        done = f" {progress['current']:g}/{progress['total'] or '?'}" if progress else ""
        typer.echo(
            orjson.dumps(job).decode()
            if json
            else f"{job['state']}{done} {progress.get('message') or ''}".rstrip()
        )

    job = call(url, key, "GET", path("/v1/jobs", job_id), needs=JOB)
    show(job)
    _end(_follow(url, key, job, None, show), "has not finished")


def _follow(
    url: str,
    key: str,
    job: dict[str, Any],
    deadline: float | None,
    show: Callable[[dict[str, Any]], None] = lambda _: None,
) -> dict[str, Any]:
    """The finished job, or the job at the deadline. Tolerates an API that is unavailable for a while."""
    responded_at = time.monotonic()
    while job["state"] not in ENDS:
        now = time.monotonic()
        left = 20.0 if deadline is None else min(deadline - now, 20.0)
        if left <= 0:
            break
        headers = {"If-None-Match": f'"{job["version"]}"'}
        try:
            found = call(
                url,
                key,
                "GET",
                path("/v1/jobs", job["id"]),
                needs=JOB,
                params={"wait": left},
                headers=headers,
            )
        except Refused as error:
            if error.status not in (0, *LATER) or now - responded_at > PATIENCE:
                raise Refused(
                    error.status, error.code, f"{job['id']} could not be followed until it finished: {error}"
                ) from None
            time.sleep(PAUSE)  # noqa: TID251  # there is nothing to wait for until the API is back
            continue
        responded_at = time.monotonic()
        if found is not None:
            job = found
            show(job)
    return job


def _end(job: dict[str, Any], unfinished: str) -> None:
    if job["state"] not in ENDS:
        sys.stderr.write(f"triage: {job['id']} {unfinished}\n")
    raise typer.Exit(ENDS.get(job["state"], UNFINISHED))


def queues(json: Json = False, url: Url = DEFAULT_URL, key: Key = "") -> None:
    """Show the queues."""
    rows = every(url, key, "/v1/queues", ("name", "counts", "dlq_depth", "workers", "paused"))
    if json:
        typer.echo(orjson.dumps(rows).decode())
        return
    table = table_of(
        "queue",
        "queued",
        "scheduled",
        "retrying",
        "running",
        "blocked",
        "dead",
        "oldest s",
        "workers",
        "paused",
    )
    for row in rows:
        counts = row["counts"]
        cells = [counts[state] for state in ("queued", "scheduled", "retrying", "running", "blocked")]
        cells += [
            row["dlq_depth"],
            row["oldest_queued_seconds"] or "",
            row["workers"],
            "yes" if row["paused"] else "",
        ]
        table.add_row(row["name"], *(str(cell) for cell in cells))
    print_table(table)


def schedules(json: Json = False, url: Url = DEFAULT_URL, key: Key = "") -> None:
    """Show the schedules."""
    rows = every(url, key, "/v1/schedules", ("name", "cron", "job", "runs", "next_run_at", "paused"))
    if json:
        typer.echo(orjson.dumps(rows).decode())
        return
    table = table_of("schedule", "when", "job", "next", "last", "paused")
    for row in rows:
        last = row["runs"][0] if row["runs"] else None
        table.add_row(
            row["name"],
            f"{row['cron']} {row['timezone']}" if row["cron"] else f"every {row['every_seconds']:g} s",
            row["job"]["name"],
            _short(row["next_run_at"]) if row["next_run_at"] else "",
            f"{_short(last['at'])} {last['outcome']}" if last else "",
            "yes" if row["paused"] else "",
        )
    print_table(table)


def _short(time: str) -> str:
    return f"{time[:10]} {time[11:19]}Z"


def path(collection: str, id: str, *rest: str) -> str:
    """The path of a resource; the id is escaped."""
    return "/".join([collection, quote(id, safe=""), *rest])


def every(url: str, key: str, path: str, needs: Sequence[str]) -> list[dict[str, Any]]:
    """The items of all pages."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = call(
            url,
            key,
            "GET",
            path,
            needs=PAGE,
            params={"limit": 200} | ({"cursor": cursor} if cursor else {}),
        )
        rows += rows_of(page, url.rstrip("/") + path, needs)
        cursor = page["next_cursor"]
        if cursor is None:
            return rows


def call(url: str, key: str, method: str, path: str, *, needs: Sequence[str] = (), **options: Any) -> Any:
    """The response's document, or None. Raises Refused, which ends the command with 1."""
    return document_of(send(url, key, method, path, **options), needs)


def send(url: str, key: str, method: str, path: str, **options: Any) -> httpx.Response:
    """Return any response. Raises Refused if there is none."""
    with open_client(url, key, SECONDS) as client:
        try:
            return client.request(method, path, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(url, error) from None


def show_job(job: dict[str, Any], json: bool) -> None:
    """Print a few lines for people, or the whole document for programs."""
    if json:
        typer.echo(orjson.dumps(job).decode())
        return
    typer.echo(
        f"{job['id']}  {job['name']}  {job['state']}"
        + (f" ({job['state_reason']})" if job["state_reason"] else "")
    )
    if job["result"] is not None:
        typer.echo(f"result: {orjson.dumps(job['result']).decode()}")
    if job["error"] is not None:
        typer.echo(f"error: {job['error']['type']}: {job['error']['message']}")
