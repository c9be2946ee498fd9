"""Handles of bulk actions."""

from typing import Self

from triage_client._async.handle import AsyncWaitable
from triage_client._core.requests import path
from triage_client.types import BulkActionOut, BulkCountsOut


class AsyncBulkAction(AsyncWaitable[BulkActionOut]):
    """A bulk action. `data` has all of it."""

    PLACE = "/v1/bulk-actions/{}"
    FINISHED = frozenset({"succeeded", "cancelled"})

    @property
    def counts(self) -> BulkCountsOut:
        return self.data["counts"]

    async def pause(self) -> Self:
        return self.load(await self.http.json("POST", path("/v1/bulk-actions/{}/pause", self.id)))

    async def resume(self) -> Self:
        return self.load(await self.http.json("POST", path("/v1/bulk-actions/{}/resume", self.id)))

    async def cancel(self) -> Self:
        """Leave the jobs that it has not reached as they are."""
        return self.load(await self.http.json("POST", path("/v1/bulk-actions/{}/cancel", self.id)))
