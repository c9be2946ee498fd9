"""Says how to correct a cron expression or a time zone."""

import reprlib
from functools import cache
from importlib.resources import files

from service.domain.similar import did_you_mean, similar

_FORM = (
    "write 5 fields (minute, hour, day of month, month, day of week), such as '30 2 * * *' for 02:30 daily"
)
_RANGES = {
    "second": "second (0 to 59)",
    "minute": "minute (0 to 59)",
    "hour": "hour (0 to 23)",
    "day-of-month": "day of the month (1 to 31, and L for the last one)",
    "month": "month (1 to 12, or JAN to DEC)",
    "day-of-week": "day of the week (0 to 7, or SUN to SAT)",
}


def cron_hint(cron: str, reason: str) -> str:
    """`reason` is what cronsim says, such as `Bad minute`."""
    field = reason.removeprefix("Bad ")
    fields = cron.split()
    if field in _RANGES:
        if field == "day-of-month" and fields[-3].isdecimal() and 1 <= int(fields[-3]) <= 31:
            return f"{cron!r} never fires: no such month has a day {fields[-3]}"
        return f"{reprlib.repr(cron)} has an invalid {_RANGES[field]}; {_FORM}"
    return (
        f"{reprlib.repr(cron)} has {len(fields)} field{'' if len(fields) == 1 else 's'}; {_FORM},"
        " or 6 with seconds first, or @hourly, @daily, @weekly, @monthly or @yearly"
    )


def zone_hint(name: str) -> str:
    """For a name that is not a time zone."""
    zones = _zones()
    cities = {zone.rpartition("/")[2]: zone for zone in reversed(zones)}
    city = similar(name.rpartition("/")[2], cities, 1)
    close = f"; did you mean {cities[city[0]]!r}?" if city else did_you_mean(name, zones)
    return f"is not an IANA time zone{close or ', such as Europe/Berlin'}"


@cache
def _zones() -> list[str]:
    return (files("tzdata") / "zones").read_text().split()
