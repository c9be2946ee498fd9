"""A worker's metrics of the audits that it has run."""

from prometheus_client import CollectorRegistry, Counter

from service.domain.audit import KINDS, Report


class AuditMetrics:
    """Findings by kind and outcome: `repaired`, or `reported` if what would be right is not certain."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.findings = Counter(
            "triage_audit_findings_total",
            "Structures that audits by this worker found to disagree with the jobs, by kind and outcome.",
            ("kind", "outcome"),
            registry=registry,
        )
        for kind in KINDS:
            for outcome in ("repaired", "reported"):
                self.findings.labels(kind, outcome)

    def completed(self, report: Report) -> None:
        for (kind, outcome), count in report.counts.items():
            self.findings.labels(kind, outcome).inc(count)
