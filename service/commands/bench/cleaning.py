"""Removes the jobs of a measurement by their tag, including jobs whose submission got no response."""

import asyncio
from collections.abc import Callable
from functools import partial

from service.commands.bench.api import PAUSE, Api

#: The timeout in seconds, and the addition per thousand jobs: a bulk action handles up to 5,000 per second.
AT_LEAST, PER_THOUSAND = 60.0, 1.0


async def clean(api: Api, tag: str, jobs: int, shown: Callable[[int], None]) -> bool:
    """Cancel the unfinished jobs and delete all; False if some remain at the timeout.

    Raises TriageError.
    """
    try:
        async with asyncio.timeout(AT_LEAST + jobs / 1000 * PER_THOUSAND):
            deleted = 0
            while (await api.read_once("/v1/jobs", tag=tag, limit=1))["items"]:
                await _act(api, "cancel", tag, lambda _: None)
                now = await _act(api, "delete", tag, partial(_add, shown, deleted))
                deleted += now
                if not now:
                    await asyncio.sleep(PAUSE)  # running jobs have their grace period
    except TimeoutError:
        return False
    return True


def _add(shown: Callable[[int], None], before: int, count: int) -> None:
    shown(before + count)


async def _act(api: Api, verb: str, tag: str, shown: Callable[[int], None]) -> int:
    body = {"action": verb, "filter": {"tag": [tag]}}
    action = await api.send("POST", "/v1/bulk-actions", body)
    path = f"/v1/bulk-actions/{action['id']}"
    while action["state"] in ("running", "paused"):
        action = await api.read_once(path, wait=PAUSE)
        shown(action["counts"]["succeeded"])
    return int(action["counts"]["succeeded"])
