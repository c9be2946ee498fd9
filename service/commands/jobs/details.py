"""Shows one job: in a few lines, or with everything that is known about it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from service.commands.output import colors
from service.commands.output.details import Details, block
from service.commands.output.documents import line_of, print_document
from service.commands.output.times import between, both, duration, exact
from service.commands.tables import printable

Document = Mapping[str, Any]


def print_outcome(job: Document, json: bool) -> None:
    """Print a few lines for people, or the whole document for programs."""
    if json:
        print_document(job)
        return
    details = Details()
    details.add_line(head_of(job))
    if job["result"] is not None:
        details.add_line(f"result: {line_of(job['result'])}")
    if job["error"] is not None:
        details.add_line(f"error: {error_of(job['error'])}")
    details.show()


def head_of(job: Document) -> Text:
    return Text.assemble(
        f"{job['id']}  {printable(job['name'])}  ", colors.state(job["state"], job["state_reason"])
    )


def error_of(error: Document) -> str:
    return printable(f"{error['type']}: {error['message']}")


def job_details(job: Document) -> Details:
    """The job for people."""
    details = Details()
    details.add_line(head_of(job))
    for label, value in _fields(job):
        if value:
            details.add(label, value)
    for name in ("payload", "result"):
        if job[name] is not None:
            details.add(name, line_of(job[name]))
        elif name in job.get("truncated", ()):
            details.add(name, "too large to be shown here")
    if job["error"] is not None:
        details.add("error", Text(error_of(job["error"]), style="red"))
    return details


def _fields(job: Document) -> Iterator[tuple[str, str]]:
    yield "queue", f"{printable(job['queue'])}, priority {job['priority']}"
    words = (("failure", "failures"), ("interruption", "interruptions"), ("crash", "crashes"))
    counts = [f"{job[many]} {one if job[many] == 1 else many}" for one, many in words if job.get(many)]
    yield (
        "attempt",
        f"{job['attempt']} of {job['max_attempts']}" + (f" ({', '.join(counts)})" if counts else ""),
    )
    progress = job["progress"]
    yield "progress", "" if progress is None else progress_of(progress)
    yield "created", both(job["created_at"])
    yield "runs at", both(job["run_at"]) if job["state"] in ("scheduled", "retrying") else ""
    yield "started", both(job.get("started_at"))
    took = between(job.get("started_at"), job["finished_at"])
    yield "finished", both(job["finished_at"]) + (f", after {took}" if took else "")
    yield "cancel", both(job.get("cancel_requested_at"))
    yield "message", printable(job.get("cancel_message") or "")
    yield "worker", job.get("worker_id") or ""
    yield "flow", " ".join(filter(None, (job.get("flow_id"), printable(job.get("flow_key") or ""))))
    fan_out = job.get("fan_out_id")
    yield "fan-out", f"{fan_out} item {job.get('fan_out_index')}" if fan_out else ""
    yield "limit key", printable(job.get("limit_key") or "")
    yield "unique", printable((job.get("unique") or {}).get("key", ""))
    yield "tags", printable(" ".join(f"{key}:{value}" for key, value in job["tags"].items()))
    yield "trace", job.get("trace_id") or ""


def progress_of(progress: Document) -> str:
    """`3/10 half done`."""
    total = "?" if progress["total"] is None else f"{progress['total']:g}"
    return f"{progress['current']:g}/{total} {printable(progress['message'] or '')}".rstrip()


def add_attempts(details: Details, attempts: Sequence[Document], tracebacks: bool) -> None:
    """Each failed attempt; the traceback of the last one, or of all."""
    for number, row in enumerate(attempts, 1):
        took = "" if row["duration_seconds"] is None else f" after {duration(row['duration_seconds'])}"
        where = f" on {row['worker_id']}" if row["worker_id"] else ""
        details.add_line("")
        details.add_line(
            Text(f"attempt {row['attempt']} {row['outcome']} {exact(row['at'])}{took}{where}", style="bold")
        )
        details.add_line(f"  {printable(row['type'])}: {printable(row['message'])}")
        if row["traceback"] and (tracebacks or number == len(attempts)):
            details.add_line(block(row["traceback"]))


def add_logs(details: Details, logs: Sequence[Document]) -> None:
    details.add_line("")
    details.add_line(Text("log", style="bold"))
    for row in logs:
        details.add_line(f"  {log_line(row)}")
    if not logs:
        details.add_line("  (empty)")


def log_line(row: Document) -> str:
    return f"{exact(row['at'])}  {printable(row['message'])}"
