"""Audits as JSON documents."""

from typing import Any

from service.domain.audit import AuditState, Report
from service.domain.times import rfc3339


def audit_document(state: AuditState) -> dict[str, Any]:
    return {
        "object": "audit",
        "running_since": rfc3339(state.running_since),
        "requested_at": rfc3339(state.requested_at),
        "report": None if state.report is None else report_document(state.report),
    }


def report_document(report: Report) -> dict[str, Any]:
    return {
        "started_at": rfc3339(report.started_at),
        "ended_at": rfc3339(report.ended_at),
        "jobs": report.jobs,
        "entries": report.entries,
        "all_keys": report.all_keys,
        "counters": report.counters,
        "repaired": report.repaired,
        "unrepaired": report.unrepaired,
        "counts": [
            {"kind": kind, "outcome": outcome, "count": count}
            for (kind, outcome), count in sorted(report.counts.items())
        ],
        "findings": [
            {
                "kind": finding.kind,
                "outcome": finding.outcome,
                "key": finding.key,
                "resource_id": finding.id or None,
                "detail": finding.detail,
            }
            for finding in report.findings
        ],
    }
