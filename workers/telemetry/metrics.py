"""A worker's metrics. Their names are part of the contract with operators."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

from service.domain.job import Job
from service.store.leases import Finish
from workers.telemetry.audit_metrics import AuditMetrics, findings_counter
from workers.telemetry.histogram import OutcomeCounter, Tally, TallyHistogram
from workers.telemetry.webhook_metrics import WebhookMetrics, attempts_counter

#: The most values per label: clients choose names, and must not grow a time series database without limit.
MAX_LABEL_VALUES = 200
#: The most pairs of queue and type with their own series, about 70 per pair.
MAX_PAIRS = 500
#: The same for each namespace of a worker that serves several.
MAX_PAIRS_OF_EACH = 50
#: Not `namespace`, which Kubernetes service discovery sets.
NAMESPACE_LABEL = "triage_namespace"

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


class ProcessMetrics:
    """Has its own registry, so that two workers in one test do not share counters.

    If the worker serves several namespaces, the metrics of each have a label with its name.
    """

    def __init__(self, *, by_namespace: bool = False) -> None:
        self.registry = CollectorRegistry()
        self.by_namespace = by_namespace
        common = (NAMESPACE_LABEL,) if by_namespace else ()
        labels = (*common, "queue", "name")
        self.wait = TallyHistogram(
            "triage_job_wait_seconds", "Time from due to started.", labels, self.registry
        )
        self.run = TallyHistogram(
            "triage_job_run_seconds", "Time from the start to the end of a run.", labels, self.registry
        )
        self.total = TallyHistogram(
            "triage_job_total_seconds", "Time from creation to a final state.", labels, self.registry
        )
        self.finished = OutcomeCounter(
            "triage_jobs_finished", "Runs by outcome.", (*labels, "outcome"), self.registry
        )
        self.stalled = Counter(
            "triage_jobs_stalled_total",
            "Jobs that this worker rescued from lost workers.",
            common,
            registry=self.registry,
        )
        self.stale = Counter(
            "triage_stale_finishes_total",
            "Results rejected because the lease was lost.",
            common,
            registry=self.registry,
        )
        self.webhook_attempts = attempts_counter(common, self.registry)
        self.audit_findings = findings_counter(common, self.registry)
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
            "Seconds without a claim although slots were free; an idle worker looks for jobs every 15 s.",
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


class Metrics:
    """What a worker counts in one namespace."""

    def __init__(self, process: ProcessMetrics | None = None, namespace: str = "") -> None:
        """Without `process`, of a worker that serves only one namespace."""
        self.process = process or ProcessMetrics()
        common = (namespace,) if self.process.by_namespace else ()
        self._common = common
        # A namespace with many queues must not use up what others need, so each gets its own part.
        self._max_pairs = MAX_PAIRS_OF_EACH if common else MAX_PAIRS
        self._known: dict[str, set[str]] = {}
        self._children: dict[tuple[str, str], Series] = {}
        #: By the labels queue and name.
        self.series: dict[tuple[str, str], Series] = {}
        self.stalled = self.process.stalled.labels(*common) if common else self.process.stalled
        self.stale = self.process.stale.labels(*common) if common else self.process.stale
        self.webhooks = WebhookMetrics(self.process.webhook_attempts, common)
        self.audits = AuditMetrics(self.process.audit_findings, common)

    @property
    def registry(self) -> CollectorRegistry:
        return self.process.registry

    def forget(self) -> None:
        """Remove the namespace's series: this worker no longer serves it."""
        process, name = self.process, "".join(self._common)
        for collector in (process.wait, process.run, process.total, process.finished):
            collector.forget(name)
        process.stalled.remove(name)
        process.stale.remove(name)
        self.webhooks.forget()
        self.audits.forget()

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

    def _series(self, job: Job) -> "Series":
        # Looking up a series by its labels in prometheus_client costs more than everything else here.
        series = self._children.get((job.queue, job.name))
        if series is None:
            labels = self._labels(job)
            all_labels, process = (*self._common, *labels), self.process
            series = Series(
                process.wait.labels(*all_labels),
                process.run.labels(*all_labels),
                process.total.labels(*all_labels),
                process.finished.labels(*all_labels, outcomes=_OUTCOMES.values()),
            )
            self.series[labels] = series
            if "other" not in labels:
                self._children[(job.queue, job.name)] = series
        return series

    def _labels(self, job: Job) -> tuple[str, str]:
        name = self._bounded("name", job.name)
        if len(self._children) >= self._max_pairs:
            self.process.overflow.labels("queue").inc()
            return "other", name
        return self._bounded("queue", job.queue), name

    def _bounded(self, label: str, value: str) -> str:
        known = self._known.setdefault(label, set())
        if value in known:
            return value
        if len(known) >= MAX_LABEL_VALUES:
            self.process.overflow.labels(label).inc()
            return "other"
        known.add(value)
        return value
