"""A worker's metrics of the audits that it has run."""

from collections.abc import Sequence
from itertools import product

from prometheus_client import CollectorRegistry, Counter

from service.domain.audit import KINDS, Report

_OUTCOMES = ("repaired", "reported")


def findings_counter(labels: Sequence[str], registry: CollectorRegistry) -> Counter:
    return Counter(
        "triage_audit_findings_total",
        "Structures that audits by this worker found to disagree with the jobs, by kind and outcome.",
        (*labels, "kind", "outcome"),
        registry=registry,
    )


class AuditMetrics:
    """Findings by kind and outcome: `repaired`, or `reported` if what would be right is not certain."""

    def __init__(self, findings: Counter, common: tuple[str, ...] = ()) -> None:
        """`common`: values of the labels before the kind."""
        self.findings = findings
        self._common = common
        for kind, outcome in product(KINDS, _OUTCOMES):
            findings.labels(*common, kind, outcome)

    def completed(self, report: Report) -> None:
        for (kind, outcome), count in report.counts.items():
            self.findings.labels(*self._common, kind, outcome).inc(count)

    def forget(self) -> None:
        for kind, outcome in product(KINDS, _OUTCOMES):
            self.findings.remove(*self._common, kind, outcome)
