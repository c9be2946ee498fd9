"""Shows one schedule."""

from collections.abc import Mapping
from typing import Any

from service.commands.output.details import Details
from service.commands.output.documents import line_of, print_document
from service.commands.output.times import both, exact
from service.commands.tables import printable


def when_of(schedule: Mapping[str, Any]) -> str:
    if schedule["cron"]:
        return f"{schedule['cron']} {schedule['timezone']}"
    return f"every {schedule['every_seconds']:g} s"


def print_schedule(schedule: Mapping[str, Any], json: bool) -> None:
    if json:
        print_document(schedule)
        return
    details = Details()
    details.add_line(f"{printable(schedule['name'])}" + ("  paused" if schedule["paused"] else ""))
    details.add("when", printable(when_of(schedule)))
    details.add("job", printable(schedule["job"]["name"]))
    details.add("spec", line_of({name: value for name, value in schedule["job"].items() if name != "name"}))
    for label, member in (("starts", "start_at"), ("ends", "end_at")):
        if schedule.get(member):
            details.add(label, exact(schedule[member]))
    details.add("catch-up", schedule.get("catch_up", ""))
    details.add("overlap", schedule.get("overlap", ""))
    details.add("next", both(schedule["next_run_at"]) or "never")
    for time in schedule.get("next_runs", [])[1:]:
        details.add("", exact(time))
    for run in schedule["runs"][:10]:
        details.add("run", f"{exact(run['at'])} {run['outcome']} {run['job_id'] or ''}".rstrip())
    details.show()
