"""When arq's cron jobs fire."""

from datetime import datetime, timedelta, tzinfo

from arq.cron import CronJob, next_cron


def next_firing(cron: CronJob, zone: tzinfo, after_ms: int) -> int:
    """The first time later than `after_ms` that the cron job names, in unix ms."""
    # arq looks from a second later on; a time that the clocks repeat may be before `after_ms`.
    at = datetime.fromtimestamp(after_ms / 1000, zone) - timedelta(seconds=1)
    while True:
        at = next_cron(
            at,
            month=cron.month,
            day=cron.day,
            weekday=cron.weekday,
            hour=cron.hour,
            minute=cron.minute,
            second=cron.second,
            microsecond=cron.microsecond,
        )
        if (ms := round(at.timestamp() * 1000)) > after_ms:
            return ms
