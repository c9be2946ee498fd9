# Written by `make generate` from triage_client/_async/bulk_actions.py: change that file.
"""Handles of bulk actions."""

from typing import Self

from triage_client._sync.handle import Waitable
from triage_client._core.requests import path
from triage_client.types import BulkActionOut, BulkCountsOut


class BulkAction(Waitable[BulkActionOut]):
    """A bulk action. `data` has all of it."""

    PLACE = "/v1/bulk-actions/{}"
    FINISHED = frozenset({"succeeded", "cancelled"})

    @property
    def counts(self) -> BulkCountsOut:
        return self.data["counts"]

    def pause(self) -> Self:
        return self.load(self.http.json("POST", path("/v1/bulk-actions/{}/pause", self.id)))

    def resume(self) -> Self:
        return self.load(self.http.json("POST", path("/v1/bulk-actions/{}/resume", self.id)))

    def cancel(self) -> Self:
        """Leave the jobs that it has not reached as they are."""
        return self.load(self.http.json("POST", path("/v1/bulk-actions/{}/cancel", self.id)))
