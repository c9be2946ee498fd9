"""Findings and reports of audits, as scripts return them and as Redis stores them."""

from collections.abc import Sequence
from typing import Any, cast

import orjson

from service.domain.audit import AuditState, Finding, Kind, Outcome, Report
from service.store.codec.fields import number


def decode_findings(rows: Sequence[Sequence[bytes]]) -> list[Finding]:
    return [_finding([value.decode("utf-8", "replace") for value in row]) for row in rows]


def _finding(row: Sequence[str]) -> Finding:
    kind, outcome, key, id, detail = row
    return Finding(cast(Kind, kind), cast(Outcome, outcome), key, id, detail)


def encode_report(report: Report) -> bytes:
    return orjson.dumps(
        {
            "started_at": report.started_at,
            "ended_at": report.ended_at,
            "jobs": report.jobs,
            "entries": report.entries,
            "all_keys": report.all_keys,
            "counters": report.counters,
            "counts": [[kind, outcome, count] for (kind, outcome), count in sorted(report.counts.items())],
            "findings": [[f.kind, f.outcome, f.key, f.id, f.detail] for f in report.findings],
        }
    )


def _decode_report(text: bytes) -> Report:
    stored: dict[str, Any] = orjson.loads(text)
    stored["counts"] = {(kind, outcome): count for kind, outcome, count in stored["counts"]}
    stored["findings"] = tuple(map(_finding, stored["findings"]))
    return Report(**stored)


STATE = ("report", "holder", "until", "started_at")


def decode_state(values: Sequence[bytes | None], requested_at: bytes | None, now: int) -> AuditState:
    """From the fields STATE."""
    report, holder, until, started_at = values
    running = holder is not None and (number(until) or 0) > now
    return AuditState(
        report=None if report is None else _decode_report(report),
        running_since=number(started_at) if running else None,
        requested_at=number(requested_at),
    )
