"""`triage fan-out`: sends a file of items in chunks and follows the fan-out until it finishes."""

import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import httpx
import orjson
import typer
from rich.progress import Progress

from service.commands import following
from service.commands.client import DEFAULT_URL, Json, Key, Url, path
from service.commands.connection import open_client, unreachable
from service.commands.responses import GROUP, LATER, Refused, document_of

#: The most attempts per request, with pauses that double from half a second.
TRIES = 6


def fan_out(
    name: str,
    items: Annotated[
        Path,
        typer.Option(
            exists=True,
            dir_okay=False,
            allow_dash=True,
            help="A file with one JSON object per line; - reads stdin.",
        ),
    ],
    queue: Annotated[str | None, typer.Option()] = None,
    priority: Annotated[int | None, typer.Option(help="0 to 1000; lower runs first.")] = None,
    then: Annotated[
        str | None, typer.Option(help="Job type of a follow-up job that runs when all items have finished.")
    ] = None,
    max_concurrency: Annotated[
        int | None, typer.Option(help="The most items that run at the same time.")
    ] = None,
    chunk: Annotated[int, typer.Option(min=1, max=5_000, help="Items per request.")] = 2_000,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Idempotency key; to resume, run the command again with the same key.")
    ] = None,
    json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Submit a job per line of a file; the exit code is 1 unless all succeed."""
    template = {"name": name, "queue": queue, "priority": priority}
    body: dict[str, Any] = {
        "template": {field: value for field, value in template.items() if value is not None},
        "sealed": False,
        "max_concurrency": max_concurrency,
        "then": None if then is None else {"name": then},
    }
    with open_client(url, key, 60) as client:
        api = _Api(client, url)
        own = {"Idempotency-Key": idempotency_key or secrets.token_hex(16)}
        id = api.send("POST", "/v1/fan-outs", orjson.dumps(body), own, needs=GROUP)["id"]
        source = Path("/dev/stdin") if str(items) == "-" else items
        with following.progress_bar(json) as progress:
            with source.open("rb") as file:
                count = _send_items(api, id, file, chunk, progress)
            seal = orjson.dumps({"expected_count": count})
            api.send("POST", path("/v1/fan-outs", id, "seal"), seal, needs=GROUP)
            where = path("/v1/fan-outs", id) + "?wait=20"
            ended = following.follow(
                lambda headers: api.send("GET", where, headers=headers, needs=GROUP), progress
            )
    following.show(ended, json)
    raise typer.Exit(0 if ended["state"] == "succeeded" else 1)


class _Api:
    """Retries requests that may succeed later: all requests of this command are idempotent."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        self._client, self._url = client, url

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        needs: Sequence[str] = (),
    ) -> Any:
        """Return the response's document. Raises Refused, after retries if they may help."""
        given = {"Content-Type": "application/json", **(headers or {})}
        for attempt in range(1, TRIES + 1):
            try:
                response = self._client.request(method, path, content=body, headers=given)
                return document_of(response, needs)
            except httpx.InvalidURL as error:
                raise unreachable(self._url, error) from None
            except httpx.HTTPError as error:
                if attempt == TRIES:
                    raise unreachable(self._url, error) from None
            except Refused as error:
                if error.status not in LATER or attempt == TRIES:
                    raise
            time.sleep(0.25 * 2**attempt)  # noqa: TID251  # there is nothing to wait for until the API is back
        raise AssertionError("unreachable")


def _send_items(api: _Api, id: str, file: BinaryIO, chunk: int, progress: Progress | None) -> int:
    """Send the lines and return their number. Lines that the fan-out already has are skipped."""
    lines = _lines(file)
    bar = None if progress is None else progress.add_task("sending", total=None)
    start = next_index = 0
    while part := list(islice(lines, chunk)):
        # The first chunk is always sent, because its response says where to resume.
        if start == 0 or start + len(part) > next_index:
            body = b'{"start_index":%d,"items":[%s]}' % (start, b",".join(part))
            response = api.send(
                "POST", path("/v1/fan-outs", id, "items"), body, needs=("next_index", "rejected")
            )
            next_index = response["next_index"]
            if response["rejected"]:
                api.send("POST", path("/v1/fan-outs", id, "cancel"))
                rows = [
                    {**row, "pointer": f"item {rejected['index']}{row['pointer']}"}
                    for rejected in response["rejected"]
                    for row in rejected["problem"]["errors"]
                ]
                _give_up(f"{id} is cancelled: some items are invalid", rows[:20])
        start += len(part)
        if progress is not None and bar is not None:
            progress.update(bar, completed=start)
    if progress is not None and bar is not None:
        progress.update(bar, total=start, completed=start)
    return start


def _lines(file: Iterable[bytes]) -> Iterator[bytes]:
    for number, line in enumerate(file, 1):
        text = line.strip()
        if not text:
            continue
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError as error:
            _give_up(f"line {number} is not JSON: {error.msg}")
        yield text


def _give_up(message: str, rows: Iterable[dict[str, Any]] = ()) -> None:
    sys.stderr.write(f"triage: {message}\n")
    for row in rows:
        sys.stderr.write(f"  {row['pointer']}: {row['message']}\n")
    raise typer.Exit(1)
