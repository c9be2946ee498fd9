"""The metrics of audits that the API reads from Redis."""

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from service.domain.audit import Report
from service.store.namespace import Namespace


async def read_audit(namespace: Namespace) -> list[Metric]:
    return audit_families((await namespace.audits.state()).report)


def audit_families(report: Report | None) -> list[Metric]:
    """Without a time before the first audit: 0 would look like one."""
    unrepaired = GaugeMetricFamily(
        "triage_audit_unrepaired_findings",
        "Findings of the last audit that it did not repair.",
        value=0 if report is None else report.unrepaired,
    )
    completed = GaugeMetricFamily(
        "triage_audit_completed_timestamp_seconds", "When the last audit was completed, in Unix time."
    )
    if report is not None:
        completed.add_metric((), report.ended_at / 1000)
    return [unrepaired, completed]
