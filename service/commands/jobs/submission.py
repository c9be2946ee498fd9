"""`triage submit`."""

import time
from typing import Annotated, Any, Literal

import typer

from service.commands import following
from service.commands.arguments import (
    Callback,
    Durability,
    IdempotencyKey,
    Queue,
    given,
    headers_of,
    object_of,
    tags_of,
)
from service.commands.completion import job_types
from service.commands.connection import Api, connected
from service.commands.jobs.details import print_outcome
from service.commands.members import JOB
from service.commands.output.listing import Json

#: The longest that the API waits with its response, in seconds.
LONGEST = 30.0


@connected
def submit(
    api: Api,
    name: Annotated[str, typer.Argument(help="Job type.", autocompletion=job_types)],
    payload: Annotated[str, typer.Argument(help="A JSON object; @FILE reads a file, and - stdin.")] = "{}",
    queue: Queue = None,
    priority: Annotated[int | None, typer.Option(help="0 to 1000; lower runs first.")] = None,
    delay: Annotated[float | None, typer.Option(help="How long until it may run, in seconds.")] = None,
    run_at: Annotated[str | None, typer.Option(metavar="TIME", help="When to run it, in RFC 3339.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Time limit of an attempt, in seconds.")] = None,
    max_attempts: Annotated[int | None, typer.Option(help="The most attempts.")] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="KEY:VALUE", help="Repeatable.")] = None,
    limit_key: Annotated[
        str | None, typer.Option(help="Shares limits and turns with jobs of this key.")
    ] = None,
    unique: Annotated[
        str | None, typer.Option(metavar="KEY", help="Unique key: one unfinished job has it.")
    ] = None,
    on_conflict: Annotated[
        Literal["return_existing", "reject", "replace"] | None,
        typer.Option(help="What to do if another job holds the unique key."),
    ] = None,
    callback: Callback = None,
    durability: Durability = None,
    wait: Annotated[
        float, typer.Option(min=0, max=86_400, help="How long to wait for the job to finish, in seconds.")
    ] = 0,
    idempotency_key: IdempotencyKey = None,
    json: Json = False,
) -> None:
    """Submit a job.

    With --wait, the exit code says how the job finished: 0 succeeded, 3 dead, 4 cancelled, 5 not in time.
    """
    if on_conflict is not None and unique is None:
        raise typer.BadParameter("needs --unique", param_hint="--on-conflict")
    body: dict[str, Any] = {"name": name, "payload": object_of(payload, "PAYLOAD")} | given(
        queue=queue,
        priority=priority,
        delay_seconds=delay,
        run_at=run_at,
        timeout_seconds=timeout,
        retry=None if max_attempts is None else {"max_attempts": max_attempts},
        tags=tags_of(tag) or None,
        limit_key=limit_key,
        unique=None if unique is None else {"key": unique} | given(on_conflict=on_conflict),
        callback=None if callback is None else {"url": callback},
    )
    headers = headers_of(idempotency_key, durability)
    if wait:
        headers["Prefer"] = f"wait={min(wait, LONGEST):.3f}"
    deadline = time.monotonic() + wait
    job = api.send("POST", "/v1/jobs", JOB, body, headers=headers, wait=min(wait, LONGEST))
    if wait:
        job = following.until_finished(api, job, JOB, deadline)
    print_outcome(job, json)
    if wait:
        following.end(job, f"has not finished after {wait:g} s")
