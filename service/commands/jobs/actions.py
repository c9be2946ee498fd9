"""`triage cancel`, `retry`, `run-now` and `delete`, each for one or more jobs."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from service import exit_codes
from service.commands.arguments import JobIds, Queue, given, object_of
from service.commands.connection import Api, connected, place
from service.commands.errors import complain
from service.commands.jobs.details import print_outcome
from service.commands.members import JOB
from service.commands.output.documents import print_document
from service.commands.output.listing import Json
from service.commands.output.prompts import Yes, confirm
from triage_client import ApiError


@connected
def cancel(
    api: Api,
    job_ids: JobIds,
    reason: Annotated[str | None, typer.Option(help="A message for people, kept with the job.")] = None,
    grace: Annotated[
        float | None, typer.Option(help="How long a running job has to stop, in seconds.")
    ] = None,
    json: Json = False,
) -> None:
    """Cancel jobs. A running one has a grace period to stop."""
    body = given(reason=reason, grace_seconds=grace)
    each(
        job_ids, lambda id: print_outcome(api.send("POST", place("/v1/jobs/{}/cancel", id), JOB, body), json)
    )


@connected
def retry(
    api: Api,
    job_ids: JobIds,
    payload: Annotated[str | None, typer.Option(help="A new payload: a JSON object, @FILE, or -.")] = None,
    queue: Queue = None,
    delay: Annotated[float | None, typer.Option(help="How long until it may run, in seconds.")] = None,
    json: Json = False,
) -> None:
    """Run dead or cancelled jobs again, from the start."""
    new = None if payload is None else object_of(payload, "--payload")
    body = given(payload=new, queue=queue, delay_seconds=delay)
    each(job_ids, lambda id: print_outcome(api.send("POST", place("/v1/jobs/{}/retry", id), JOB, body), json))


@connected
def run_now(api: Api, job_ids: JobIds, json: Json = False) -> None:
    """Run scheduled or retrying jobs now."""
    each(job_ids, lambda id: print_outcome(api.send("POST", place("/v1/jobs/{}/run-now", id), JOB), json))


@connected
def delete(api: Api, job_ids: JobIds, yes: Yes = False, json: Json = False) -> None:
    """Delete finished jobs with their results."""
    confirm(f"Delete {', '.join(job_ids)}?", yes)
    each(job_ids, lambda id: delete_one(api, "/v1/jobs/{}", id, json))


def delete_one(api: Api, template: str, id: str, json: bool) -> None:
    api.send("DELETE", place(template, id))
    if json:
        print_document({"id": id, "deleted": True})
    else:
        typer.echo(f"Deleted {id}.")


def each(ids: Sequence[str], act: Callable[[str], Any]) -> None:
    """Act on all, also after the API has refused one; then the exit code is 1."""
    refused = False
    for id in ids:
        try:
            act(id)
        except ApiError as error:
            if len(ids) > 1:
                typer.echo(f"{id}:", err=True)
            complain(error)
            refused = True
    if refused:
        raise typer.Exit(exit_codes.REFUSED)
