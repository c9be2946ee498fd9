"""A worker's metrics. Their names are part of the contract with operators."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

from service.domain.job import Job
from service.store.leases import Finish
from workers.telemetry.audit_metrics import AuditMetrics
from workers.telemetry.histogram import OutcomeCounter, Tally, TallyHistogram
from workers.telemetry.webhook_metrics import WebhookMetrics

#: The most values per label: clients choose names, and must not grow a time series database without limit.
MAX_LABEL_VALUES = 200
#: The most pairs of queue and type with their own series, about 70 per pair.
MAX_PAIRS = 500

_OUTCOMES = {
    "complete": "succeeded",
    "retry": "retried",
    "give_up": "dead",
    "stop": "cancelled",
    "requeue": "requeued",
    "crash": "requeued",
    "snooze": "snoozed",
}


@dataclass(frozen=True, slots=True)
class Series:
    """The metrics of one job type in one queue."""

    wait: Tally
    run: Tally
    total: Tally
    #: By outcome.
    finished: dict[str, int]


class Metrics:
    """Has its own registry, so that two workers in one test do not share counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._known: dict[str, set[str]] = {}
        self._children: dict[tuple[str, str], Series] = {}
        #: By the labels queue and name.
        self.series: dict[tuple[str, str], Series] = {}
        labels = ("queue", "name")
        self.wait = self._histogram("triage_job_wait_seconds", "Time from due to started.")
        self.run = self._histogram("triage_job_run_seconds", "Time from the start to the end of a run.")
        self.total = self._histogram("triage_job_total_seconds", "Time from creation to a final state.")
        self.finished = OutcomeCounter(
            "triage_jobs_finished", "Runs by outcome.", (*labels, "outcome"), self.registry
        )
        self.stalled = Counter(
            "triage_jobs_stalled_total",
            "Jobs that this worker rescued from lost workers.",
            registry=self.registry,
        )
        self.stale = Counter(
            "triage_stale_finishes_total",
            "Results rejected because the lease was lost.",
            registry=self.registry,
        )
        self.webhooks = WebhookMetrics(self.registry)
        self.audits = AuditMetrics(self.registry)
        self.running = Gauge("triage_worker_running", "Jobs running on this worker.", registry=self.registry)
        self.capacity = Gauge(
            "triage_worker_capacity", "How many jobs this worker can run at a time.", registry=self.registry
        )
        self.stuck = Gauge(
            "triage_worker_stuck_slots",
            "Slots held by runs that outlived their grace period; capacity excludes them.",
            registry=self.registry,
        )
        self.unclaimed = Gauge(
            "triage_worker_unclaimed_seconds",
            "Seconds without a claim although slots were free; an idle worker claims every 15 s.",
            registry=self.registry,
        )
        self.loop_lag = Gauge(
            "triage_worker_loop_lag_seconds",
            "Worst event loop lag in the last minute.",
            registry=self.registry,
        )
        self.overflow = Counter(
            "triage_label_overflow_total",
            "How often a label value beyond the cap was counted as 'other'.",
            ("label",),
            registry=self.registry,
        )

    def started(self, job: Job) -> None:
        if job.started_at is not None and job.queued_at is not None:
            self._series(job).wait.observe(max(0, job.started_at - job.queued_at) / 1000)

    def settled(self, finish: Finish, *, cancelled: bool = False) -> None:
        """`cancelled`: a request cancelled the job meanwhile, whatever its outcome was."""
        job, move = finish.lease.job, "stop" if cancelled else finish.settlement.move.name
        series = self._series(job)
        series.run.observe(finish.run_ms / 1000)
        series.finished[_OUTCOMES[move]] += 1
        if move in ("complete", "give_up", "stop"):
            series.total.observe(max(0, finish.ended_at - job.created_at) / 1000)

    def _histogram(self, name: str, text: str) -> TallyHistogram:
        return TallyHistogram(name, text, ("queue", "name"), self.registry)

    def _series(self, job: Job) -> "Series":
        # Looking up a series by its labels in prometheus_client costs more than everything else here.
        series = self._children.get((job.queue, job.name))
        if series is None:
            labels = self._labels(job)
            finished = self.finished.labels(*labels, outcomes=_OUTCOMES.values())
            series = Series(
                self.wait.labels(*labels), self.run.labels(*labels), self.total.labels(*labels), finished
            )
            self.series[labels] = series
            if "other" not in labels:
                self._children[(job.queue, job.name)] = series
        return series

    def _labels(self, job: Job) -> tuple[str, str]:
        name = self._bounded("name", job.name)
        if len(self._children) >= MAX_PAIRS:
            self.overflow.labels("queue").inc()
            return "other", name
        return self._bounded("queue", job.queue), name

    def _bounded(self, label: str, value: str) -> str:
        known = self._known.setdefault(label, set())
        if value in known:
            return value
        if len(known) >= MAX_LABEL_VALUES:
            self.overflow.labels(label).inc()
            return "other"
        known.add(value)
        return value
