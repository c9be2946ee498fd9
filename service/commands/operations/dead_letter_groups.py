"""Groups dead jobs by their error, so that one cause is one row."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from service.commands.output.times import moment
from service.commands.tables import Table, table_of

#: What differs between two messages with one cause, from the most specific on.
_VARIABLE = re.compile(
    r"""
    "[^"]*" | '[^']*'                                          # quoted values
    | \b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b
    | \b(?:job|flow|fan|wk|act)_[0-9A-Z]{26}\b
    | \b0x[0-9a-f]+\b | \b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b
    | \b\d[\d.,:]*\b
    | \b\w+-\d+\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
#: The most characters of a message that decide, and that are shown.
_LONGEST = 200


def fingerprint(message: str) -> str:
    """The message with `*` for what differs from job to job."""
    return _VARIABLE.sub("*", message[: _LONGEST * 2])[:_LONGEST]


def group_dead_letters(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The groups, the largest first. The rows come newest first."""
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        error = row["error"] or {}
        kind, message = error.get("type") or "", fingerprint(error.get("message") or "")
        reason = row["reason"] or ""
        group = groups.setdefault(
            (row["name"], reason, kind, message),
            {
                "name": row["name"],
                "reason": reason,
                "error_type": kind,
                "message": message,
                "count": 0,
                "queues": [],
                "first_dead_at": row["dead_at"],
                "last_dead_at": row["dead_at"],
                "example_job_id": row["job_id"],
            },
        )
        group["count"] += 1
        if row["queue"] not in group["queues"]:
            group["queues"].append(row["queue"])
        if row["dead_at"] is not None:
            group["first_dead_at"] = min(group["first_dead_at"] or row["dead_at"], row["dead_at"])
            group["last_dead_at"] = max(group["last_dead_at"] or row["dead_at"], row["dead_at"])
    return sorted(groups.values(), key=lambda group: -group["count"])


def groups_table(groups: Iterable[Mapping[str, Any]]) -> Table:
    table = table_of(
        "example", "count", "name", "reason", "error", "first", "last", right=("count",), keep=("error",)
    )
    for group in groups:
        error = f"{group['error_type']}: {group['message']}" if group["error_type"] else group["message"]
        table.add_row(
            group["example_job_id"],
            f"{group['count']:,}",
            group["name"],
            group["reason"],
            error,
            moment(group["first_dead_at"]),
            moment(group["last_dead_at"]),
        )
    return table
