"""Arguments and options that several commands share, and how their texts are read."""

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import typer

from service.commands import completion

JobState = Literal["blocked", "scheduled", "queued", "running", "retrying", "succeeded", "cancelled", "dead"]

#: The commands for what is not a job, by the beginning of its ID.
_OTHERS = {
    "flow": "flows",
    "fan": "fan-outs",
    "act": "bulk",
    "wk": "workers",
    "key": "keys",
    "wh": "webhooks",
}


def _job_id(id: str) -> str:
    if (command := _OTHERS.get(id.partition("_")[0])) is not None and "_" in id:
        raise typer.BadParameter(f"{id} is not a job: see `triage {command} --help`")
    return id


def _job_ids(ids: list[str] | None) -> list[str] | None:
    return None if ids is None else [_job_id(id) for id in ids]


JobIds = Annotated[
    list[str], typer.Argument(metavar="JOB_ID", help="One or more job IDs.", callback=_job_ids)
]
JobId = Annotated[str, typer.Argument(metavar="JOB_ID", callback=_job_id)]
QueueName = Annotated[str, typer.Argument(metavar="NAME", autocompletion=completion.queues)]
Queue = Annotated[str | None, typer.Option(metavar="NAME", help="Queue.", autocompletion=completion.queues)]
Name = Annotated[
    str | None, typer.Option(metavar="NAME", help="Job type.", autocompletion=completion.job_types)
]
WebhookId = Annotated[str, typer.Argument(metavar="ID", autocompletion=completion.webhooks)]
WebhookIds = Annotated[list[str], typer.Argument(metavar="ID", autocompletion=completion.webhooks)]
AnyWebhookId = Annotated[
    str,
    typer.Argument(metavar="ID", help="A webhook's ID, or callbacks.", autocompletion=completion.webhooks),
]
State = Annotated[JobState | None, typer.Option(help="State of the job.")]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="KEY:VALUE", help="Repeatable; all must match.")
]
Search = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="In the ID, job type or a tag, or in the cause of a dead job, as `triage dlq groups` shows it.",
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="Created then or later: RFC 3339, or how long ago, such as 15m, 2h, 7d."
    ),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Created before then.")]
Limit = Annotated[int, typer.Option(min=0, help="The most rows, newest first; 0 for all.")]
Callback = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Receives a signed POST when it has finished, however it ends."),
]
Durability = Annotated[
    Literal["stored", "replicated"] | None,
    typer.Option(help="replicated: wait until a replica of Redis has it; an error if none has in time."),
]
IdempotencyKey = Annotated[
    str | None, typer.Option(help="Repeating the command with the same key does nothing new.")
]


def json_of(text: str, hint: str) -> Any:
    """JSON, or JSON from `@FILE`, or from standard input for `-`. Raises BadParameter."""
    if text == "-":
        content = sys.stdin.buffer.read()
    elif text.startswith("@"):
        try:
            content = Path(text[1:]).read_bytes()
        except OSError as error:
            raise typer.BadParameter(f"{text[1:]}: {error.strerror}", param_hint=hint) from error
    else:
        content = text.encode()
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise typer.BadParameter(f"not JSON: {error.msg}", param_hint=hint) from error


def object_of(text: str, hint: str) -> dict[str, Any]:
    """The same for a JSON object."""
    found = json_of(text, hint)
    if not isinstance(found, dict):
        raise typer.BadParameter(
            "not a JSON object, such as {}".format('{"user_id": "u-1"}'), param_hint=hint
        )
    return found


def tags_of(rows: Sequence[str] | None) -> dict[str, str]:
    """Tags for a job from `KEY:VALUE`. Raises BadParameter."""
    found: dict[str, str] = {}
    for row in rows or ():
        key, separator, value = row.partition(":")
        if not separator or not key:
            raise typer.BadParameter(f"{row!r} is not KEY:VALUE", param_hint="--tag")
        found[key] = value
    return found


def headers_of(key: str | None, durability: str | None) -> dict[str, str]:
    """The headers of a submission. With a key, a request whose response is lost can be repeated."""
    return {"Idempotency-Key": key or secrets.token_hex(16), **given(Durability=durability)}


def given(**members: Any) -> dict[str, Any]:
    """The members with a value."""
    return {name: value for name, value in members.items() if value is not None}
