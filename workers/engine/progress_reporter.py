"""Writes the progress and log lines of running jobs, fenced by their leases."""

from service.domain.job import Lease
from service.store.leases import Leases


class ProgressReporter:
    """Writes reports from contexts; the script ignores those from a run that has lost its lease."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases

    async def progress(self, lease: Lease, value: bytes) -> None:
        await self._leases.report_progress(lease, value)

    async def log(self, lease: Lease, line: bytes) -> None:
        await self._leases.append_log(lease, line)
