"""Shows webhooks and their deliveries."""

from collections.abc import Iterable, Mapping
from typing import Any

import typer
from rich.text import Text

from service.commands.output import colors
from service.commands.output.details import Details
from service.commands.output.documents import line_of, print_document
from service.commands.output.listing import Row
from service.commands.output.times import both, duration, exact, moment
from service.commands.tables import Table, printable, table_of

#: Why an endpoint is disabled.
_REASONS = {
    "failing": "no attempt succeeded for a day",
    "gone": "it responded 410",
    "requested": "on request",
}


def state_of(webhook: Row) -> Text:
    """`enabled`, `failing`, or `disabled` with the reason."""
    if not webhook["enabled"]:
        reason = webhook["disabled_reason"]
        return colors.state("disabled", _REASONS.get(reason, reason))
    if webhook["failing_since"]:
        return colors.state("failing", f"since {exact(webhook['failing_since'])}")
    return colors.state("enabled")


def webhooks_table(rows: Iterable[Row]) -> Table:
    table = table_of(
        "id", "state", "url", "events", "pending", "dropped", "description", "created",
        right=("pending", "dropped"), keep=("state", "url"),
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row["id"],
            state_of(row),
            row["url"] or "",
            " ".join(row["events"]),
            colors.count(row["pending"]),
            colors.count(row["dropped"], "bold red"),
            row["description"],
            moment(row["created_at"]),
        )
    return table


def print_webhook(webhook: Mapping[str, Any], json: bool) -> None:
    if json:
        print_document(webhook)
    else:
        _details(webhook).show()


def _details(webhook: Mapping[str, Any]) -> Details:
    details = Details()
    details.add_line(Text.assemble(f"{webhook['id']}  ", state_of(webhook)))
    for label, value in (
        ("url", webhook["url"]),
        ("events", " ".join(webhook["events"])),
        ("description", webhook["description"]),
        ("disabled", both(webhook["disabled_at"])),
        ("failing", both(webhook["failing_since"])),
        ("pending", f"{webhook['pending']:,}"),
        ("dropped", f"{webhook['dropped']:,}" if webhook["dropped"] else ""),
        (
            "old secret",
            f"also signs until {exact(until)}" if (until := webhook["secret_overlap_until"]) else "",
        ),
        ("created", both(webhook["created_at"])),
    ):
        if value:
            details.add(label, printable(value))
    return details


def show_secret(webhook: Mapping[str, Any], json: bool) -> None:
    """The webhook with its new secret, which no other response has."""
    if json:
        print_document(webhook)
        return
    details = _details(webhook)
    details.add_line("The secret is shown only once:")
    details.add_line(webhook["secret"])
    details.show()


def deliveries_table(rows: Iterable[Row]) -> Table:
    table = table_of(
        "id", "event", "resource", "status", "attempts", "last", "next", "created",
        right=("attempts",), keep=("status", "last"), whole=("resource",),
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row["id"],
            row["event"],
            row["resource_id"],
            colors.state(row["status"], row["failure_reason"]),
            str(row["attempts"]),
            last_of(row),
            moment(row["next_attempt_at"]),
            moment(row["created_at"]),
        )
    return table


def last_of(delivery: Row) -> str:
    """What became of the last attempt: the status of the response, or the error."""
    last = delivery["last_attempt"]
    if last is None:
        return ""
    return printable(last["error"] or str(last["status"]))


def print_delivery(delivery: Mapping[str, Any], json: bool) -> None:
    if json:
        print_document(delivery)
        return
    details = Details()
    status = colors.state(delivery["status"], delivery["failure_reason"])
    details.add_line(Text.assemble(f"{delivery['id']}  {delivery['event']}  ", status))
    details.add("resource", printable(delivery["resource_id"]))
    if delivery.get("url"):
        details.add("url", printable(delivery["url"]))
    details.add("attempts", str(delivery["attempts"]))
    if (last := delivery["last_attempt"]) is not None:
        details.add(
            "last", f"{both(last['at'])}, after {duration(last['duration_seconds'])}: {last_of(delivery)}"
        )
    if delivery["next_attempt_at"]:
        details.add("next", both(delivery["next_attempt_at"]))
    details.add("created", both(delivery["created_at"]))
    if delivery["ended_at"]:
        details.add("ended", both(delivery["ended_at"]))
    details.add("body", line_of(delivery.get("body")))
    details.show()


def say_outcome(delivery: Mapping[str, Any], json: bool) -> None:
    """One line: what became of the delivery so far."""
    if json:
        print_document(delivery)
        return
    last = f": {last_of(delivery)}" if delivery["last_attempt"] else ""
    typer.echo(f"{delivery['id']}: {delivery['status']}{last}")
