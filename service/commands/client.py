"""`triage submit`, `get`, `tail`, `queues`, `schedules`: a client of the HTTP API like any other."""

import sys
from typing import Annotated, Any

import httpx
import orjson
import typer
from rich.console import Console
from rich.table import Table

FINISHED = ("succeeded", "cancelled", "dead")

Json = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
Url = Annotated[str, typer.Option("--url", envvar="TRIAGE_URL", help="Where the API is.")]
Key = Annotated[str, typer.Option("--key", envvar="TRIAGE_API_KEY", help="API key; not needed in dev.")]
DEFAULT_URL = "http://127.0.0.1:8080"


def submit(
    name: str,
    payload: Annotated[str, typer.Argument(help="A JSON object.")] = "{}",
    queue: Annotated[str | None, typer.Option()] = None,
    priority: Annotated[int | None, typer.Option(help="0 to 1000; lower runs first.")] = None,
    delay: Annotated[float | None, typer.Option(help="Seconds.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the end, at most 30.")] = 0,
    idempotency_key: Annotated[str | None, typer.Option()] = None,
    json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Submit a job."""
    try:
        body: dict[str, Any] = {"name": name, "payload": orjson.loads(payload)}
    except orjson.JSONDecodeError as error:
        raise typer.BadParameter(f"not JSON: {error.msg}", param_hint="PAYLOAD") from error
    options = {"queue": queue, "priority": priority, "delay_seconds": delay}
    body |= {field: value for field, value in options.items() if value is not None}
    headers = {"Prefer": f"wait={wait:g}"} if wait else {}
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    show_job(call(url, key, "POST", "/v1/jobs", json=body, headers=headers), json)


def get(
    job_id: str,
    explain: Annotated[bool, typer.Option("--explain", help="Why it is where it is.")] = False,
    json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Show a job."""
    if explain:
        found = call(url, key, "GET", f"/v1/jobs/{job_id}/explain")
        lines = [f"{row['code']}: {row['message']}" for row in found["reasons"]]
        typer.echo(orjson.dumps(found).decode() if json else "\n".join([found["state"], *lines]))
        return
    show_job(call(url, key, "GET", f"/v1/jobs/{job_id}"), json)


def tail(job_id: str, json: Json = False, url: Url = DEFAULT_URL, key: Key = "") -> None:
    """Follow a job to its end."""
    version = -1
    while True:
        headers = {"If-None-Match": f'"{version}"'}
        job = call(url, key, "GET", f"/v1/jobs/{job_id}", params={"wait": 20}, headers=headers)
        if job is None:
            continue
        version = job["version"]
        progress = job["progress"] or {}
        done = f" {progress['current']:g}/{progress['total'] or '?'}" if progress else ""
        typer.echo(
            orjson.dumps(job).decode()
            if json
            else f"{job['state']}{done} {progress.get('message') or ''}".rstrip()
        )
        if job["state"] in FINISHED:
            return


def queues(json: Json = False, url: Url = DEFAULT_URL, key: Key = "") -> None:
    """Show the queues."""
    rows = every(url, key, "/v1/queues")
    if json:
        typer.echo(orjson.dumps(rows).decode())
        return
    table = Table(
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
    Console().print(table)


def schedules(json: Json = False, url: Url = DEFAULT_URL, key: Key = "") -> None:
    """Show the schedules."""
    rows = every(url, key, "/v1/schedules")
    if json:
        typer.echo(orjson.dumps(rows).decode())
        return
    table = Table("schedule", "when", "job", "next", "last", "paused")
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
    Console().print(table)


def _short(time: str) -> str:
    return f"{time[:10]} {time[11:19]}Z"


def every(url: str, key: str, path: str) -> list[dict[str, Any]]:
    """The rows of all pages."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = call(url, key, "GET", path, params={"limit": 200} | ({"cursor": cursor} if cursor else {}))
        rows += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return rows


def call(url: str, key: str, method: str, path: str, **options: Any) -> Any:
    """The answer's document, its text, or None; a problem is printed and ends the command with 1."""
    headers = options.pop("headers", {}) | ({"Authorization": f"Bearer {key}"} if key else {})
    try:
        answer = httpx.request(method, url.rstrip("/") + path, headers=headers, timeout=35, **options)
    except httpx.HTTPError as error:
        sys.stderr.write(f"triage: {url} cannot be reached: {error}\n")
        raise typer.Exit(1) from error
    if answer.status_code >= 400:
        problem = answer.json()
        sys.stderr.write(f"triage: {problem['status']} {problem['code']}: {problem['detail']}\n")
        for row in problem.get("errors", []):
            sys.stderr.write(f"  {row['pointer']}: {row['message']}\n")
        raise typer.Exit(1)
    if not answer.content:
        return None
    return answer.json() if "json" in answer.headers["content-type"] else answer.text


def show_job(job: dict[str, Any], json: bool) -> None:
    """A few lines for people, the whole document for programs."""
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
