"""Fires arq's cron jobs: each firing once over all workers of a namespace (ADR 0029)."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

import structlog
from arq.cron import CronJob

from service.clock import Clock
from service.domain.errors import TriageError
from service.domain.job_spec import ResultForgotten, Unique, merge_defaults
from service.domain.results import SubmitResult
from service.store.jobs import Idempotency, Submission
from service.store.namespace import Namespace
from workers.arq.cron_times import next_firing
from workers.arq.settings import ArqSettings, local_timezone
from workers.handling.functions import cron_defaults, cron_name
from workers.handling.job_specs import JobSpecs, Reader
from workers.handling.registry import Registry

#: How long Redis remembers a firing: longer than LATE_MS, so that no late worker repeats one.
REMEMBER_MS = 3_600_000
#: Skip a firing that is later than this; another worker may have submitted it.
LATE_MS = 60_000
#: The longest sleep, in seconds, because an operator may set the host's clock.
SLEEP_AT_MOST = 30.0

log = structlog.get_logger("triage.cron")


@dataclass(slots=True)
class Entry:
    """A cron job and its next fire time; None = at the start of this worker."""

    cron: CronJob
    name: str
    zone: tzinfo
    #: A JobSpec in its JSON form.
    job: dict[str, Any]
    next_ms: int | None


class Cron:
    """One per worker. A firing has the same id on all workers, and the first worker to submit it wins."""

    def __init__(
        self,
        registry: Registry,
        served: Sequence[str],
        namespace: Namespace,
        clock: Clock,
        new_id: Callable[[str], str],
    ) -> None:
        self._namespace = namespace
        self._clock = clock
        self._new_id = new_id
        self._specs = JobSpecs(registry, namespace, clock)
        now = clock.now_ms()
        self.entries = [_entry(cron, settings, served, now) for cron, settings in registry.crons]

    async def start(self) -> None:
        """Fire the cron jobs that run at startup; `work` does it later if Redis is unavailable."""
        now = self._clock.now_ms()
        for entry in self.entries:
            entry.next_ms = now if entry.next_ms is None else entry.next_ms
        with contextlib.suppress(TriageError):
            await self.work()

    async def work(self) -> float:
        """Fire due cron jobs; returns the seconds until the next fire time."""
        now = self._clock.now_ms()
        due = [entry for entry in self.entries if entry.next_ms is not None and entry.next_ms <= now]
        if due:
            await self._fire(due, now)
        now = self._clock.now_ms()
        coming = [entry.next_ms - now for entry in self.entries if entry.next_ms is not None]
        return min(SLEEP_AT_MOST, max(0.0, (min(coming) + 1) / 1000)) if coming else SLEEP_AT_MOST

    async def _fire(self, entries: Sequence[Entry], now: int) -> None:
        """Submit all in one call, so that only the first of several with the same job id runs."""
        reader = await self._specs.reader([])
        submissions: list[Submission] = []
        for entry in entries:
            fire_ms = entry.next_ms
            assert fire_ms is not None
            if now - fire_ms > LATE_MS:
                log.warning("cron_firing_skipped", cron=entry.name, late_seconds=(now - fire_ms) / 1000)
                continue
            submissions.append(self._submission(entry, fire_ms, reader))
        if submissions:
            submitted = await self._namespace.jobs.submit_batch(submissions, remember_ms=REMEMBER_MS)
            for submission, result in zip(submissions, submitted, strict=True):
                if result.result is SubmitResult.CREATED:
                    log.info("cron_fired", cron=submission.spec.name, job_id=result.job_id)
        for entry in entries:
            entry.next_ms = next_firing(entry.cron, entry.zone, now)

    def _submission(self, entry: Entry, fire_ms: int, reader: Reader) -> Submission:
        cron, spec = entry.cron, reader.read(entry.job)
        if cron.job_id is not None:
            kept = ResultForgotten(round((cron.keep_result_s or 0) * 1000))
            spec = replace(spec, unique=Unique(cron.job_id, kept, on_conflict="reject"))
        firing = Idempotency("arq:cron", f"{entry.name} {cron.job_id or ''} {fire_ms}", "")
        return Submission(self._new_id("job"), spec, firing if cron.unique else None)


def _entry(cron: CronJob, settings: ArqSettings, served: Sequence[str], now: int) -> Entry:
    zone = settings.timezone or local_timezone()
    job = merge_defaults(settings.defaults, cron_defaults(cron, settings)) | {"name": cron_name(cron)}
    if "queue" not in job and not {"default", "*"} & set(served):
        # A worker that serves only other queues would never run the jobs that it fires.
        job["queue"] = served[0]
    return Entry(
        cron=cron,
        name=cron_name(cron),
        zone=zone,
        job=job,
        next_ms=None if cron.run_at_startup else next_firing(cron, zone, now),
    )
