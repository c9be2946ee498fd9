"""Values for shell completion that the API knows. Without a response in time there are none."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import typer

from service.commands.target import target_of

#: A shell waits for it.
SECONDS = 1.5
#: How many names a shell shows usefully.
MOST = 200
#: Lists that have no pages.
WHOLE = ("/v1/job-types", "/v1/webhooks")


def _names(path: str, member: str) -> Callable[[typer.Context, str], list[str]]:
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        # A shell shows whatever is printed, so every problem means: no values.
        with suppress(Exception):
            return [name for name in _read(ctx, path, member) if name.startswith(incomplete)]
        return []

    return complete


def _read(ctx: typer.Context, path: str, member: str) -> Iterator[str]:
    from service.commands.errors import open_client

    with open_client(target_of(ctx), seconds=SECONDS, retries=0) as triage:
        limit = None if path in WHOLE else {"limit": MOST}
        page = triage.request("GET", path, parameters=limit)
    for row in page["items"]:
        yield str(row[member])


queues = _names("/v1/queues", "name")
job_types = _names("/v1/job-types", "name")
schedules = _names("/v1/schedules", "name")
workers = _names("/v1/workers", "id")
webhooks = _names("/v1/webhooks", "id")
api_keys = _names("/v1/api-keys", "id")
