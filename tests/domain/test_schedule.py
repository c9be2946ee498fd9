"""Fire times of schedules: clock changes, limits, and which ones fire after a time without workers."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.checks import LATEST_MS
from service.domain.schedule import CATCH_UP_AT_MOST, Timetable, TimetableInvalid, decide

HOUR, DAY = 3_600_000, 86_400_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def fire_times(cron: str, after: str, count: int, timezone: str = "Europe/Berlin") -> list[str]:
    table = Timetable(cron=cron, timezone=timezone)
    zone = ZoneInfo(timezone)
    return [
        datetime.fromtimestamp(time / 1000, zone).strftime("%dT%H:%M:%S%z")
        for time in table.upcoming(ms(after), count)
    ]


@pytest.mark.parametrize("cron", ["30 2 * * *", "0 30 2 * * *"])
def test_a_time_skipped_by_the_clocks_fires_once_when_the_gap_ends(cron: str) -> None:
    assert fire_times(cron, "2026-03-28T12:00:00Z", 2) == ["29T03:00:00+0200", "30T02:30:00+0200"]


@pytest.mark.parametrize("cron", ["30 2 * * *", "0 30 2 * * *"])
def test_a_time_that_comes_twice_fires_once(cron: str) -> None:
    assert fire_times(cron, "2026-10-24T12:00:00Z", 2) == ["25T02:30:00+0200", "26T02:30:00+0100"]
    # Also when the search for the next fire time starts in the repeated hour.
    assert fire_times(cron, "2026-10-25T01:15:00Z", 1) == ["26T02:30:00+0100"]


def test_several_times_inside_a_gap_fire_once_together() -> None:
    assert fire_times("*/15 2,3 * * *", "2026-03-29T00:59:59Z", 2) == ["29T03:00:00+0200", "29T03:15:00+0200"]


def test_every_hour_means_elapsed_time_through_both_changes() -> None:
    assert fire_times("@hourly", "2026-10-24T23:30:00Z", 3) == [
        "25T02:00:00+0200",
        "25T02:00:00+0100",
        "25T03:00:00+0100",
    ]
    assert fire_times("0 * * * *", "2026-03-29T00:30:00Z", 2) == ["29T03:00:00+0200", "29T04:00:00+0200"]


def test_every_second_hour_counts_hours_on_the_wall_once() -> None:
    assert fire_times("0 */2 * * *", "2026-10-24T22:30:00Z", 2) == ["25T02:00:00+0200", "25T04:00:00+0100"]


def test_a_gap_of_half_an_hour_ends_where_it_ends() -> None:
    assert fire_times("15 2 * * *", "2026-10-03T02:00:00Z", 1, "Australia/Lord_Howe") == ["04T02:30:00+1100"]


def test_a_day_without_midnight_begins_later() -> None:
    assert fire_times("0 0 * * *", "2026-09-05T12:00:00Z", 1, "America/Santiago") == ["06T01:00:00-0300"]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("@yearly", "2027-01-01T00:00:00"),
        ("@annually", "2027-01-01T00:00:00"),
        ("@monthly", "2026-07-01T00:00:00"),
        ("@weekly", "2026-06-21T00:00:00"),
        ("@daily", "2026-06-16T00:00:00"),
        ("@midnight", "2026-06-16T00:00:00"),
        ("@hourly", "2026-06-15T13:00:00"),
        ("*/10 * * * * *", "2026-06-15T12:00:10"),
        ("0 9 * * mon-fri", "2026-06-16T09:00:00"),
        ("0 0 L * *", "2026-06-30T00:00:00"),
        ("0 9 * * fri#2", "2026-07-10T09:00:00"),
        ("0 12 29 2 *", "2028-02-29T12:00:00"),
    ],
)
def test_cron_takes_five_and_six_fields_and_names(cron: str, expected: str) -> None:
    slot = Timetable(cron=cron).next_after(ms("2026-06-15T12:00:00Z"))
    assert slot == ms(expected + "Z")


@pytest.mark.parametrize(
    ("table", "field"),
    [
        (Timetable(cron="every day"), "cron"),
        (Timetable(cron="61 * * * *"), "cron"),
        (Timetable(cron="@often"), "cron"),
        (Timetable(cron="0 0 31 2 *"), "cron"),
        (Timetable(cron="0 0 */29 2 mon#5"), "cron"),
        (Timetable(cron="* * * *"), "cron"),
        (Timetable(cron="@daily", timezone="Europe/Atlantis"), "timezone"),
        (Timetable(cron="@daily", timezone="../etc/passwd"), "timezone"),
        (Timetable(every_ms=1000, timezone="Europe"), "timezone"),
    ],
)
def test_errors_name_the_invalid_part(table: Timetable, field: str) -> None:
    with pytest.raises(TimetableInvalid) as error:
        table.check(ms("2026-06-15T12:00:00Z"))
    assert error.value.field == field


def test_start_and_end_are_inclusive_limits() -> None:
    start, end = ms("2026-06-15T12:00:00Z"), ms("2026-06-15T12:00:30Z")
    every = Timetable(every_ms=15_000, anchor_ms=start, start_ms=start, end_ms=end)
    assert list(every.fire_times(0)) == [start, start + 15_000, end]
    cron = Timetable(cron="*/15 * * * * *", start_ms=start, end_ms=end)
    assert list(cron.fire_times(0)) == [start, start + 15_000, end]


def test_the_calendar_ends() -> None:
    assert Timetable(cron="@yearly").next_after(ms("9999-06-01T00:00:00Z")) is None


HOURLY = Timetable(every_ms=HOUR)


@pytest.mark.parametrize(
    "table",
    [
        Timetable(every_ms=60_000, anchor_ms=LATEST_MS, start_ms=LATEST_MS),
        Timetable(cron="0 2 * * *", timezone="Europe/Berlin", start_ms=LATEST_MS),
        Timetable(cron="* * * * * *", timezone="UTC", start_ms=LATEST_MS),
    ],
)
def test_no_fire_time_is_after_the_calendar(table: Timetable) -> None:
    assert table.upcoming(0) == ([] if table.timezone == "Europe/Berlin" else [LATEST_MS])


def test_none_fires_times_that_are_on_time_or_slightly_late() -> None:
    assert decide(HOURLY, "none", 10 * HOUR, 10 * HOUR + 5).fire_times == (10 * HOUR,)
    assert decide(HOURLY, "none", 10 * HOUR, 10 * HOUR + 59_000).fire_times == (10 * HOUR,)
    late = decide(HOURLY, "none", 10 * HOUR, 12 * HOUR + 61_000)
    assert (late.fire_times, late.missed, late.next_fire_time) == ((), 12 * HOUR, 13 * HOUR)
    now = decide(HOURLY, "none", 10 * HOUR, 12 * HOUR + 5)
    assert (now.fire_times, now.missed, now.next_fire_time) == ((12 * HOUR,), 11 * HOUR, 13 * HOUR)


def test_none_skips_no_fire_time_while_workers_take_over() -> None:
    assert decide(Timetable(every_ms=1_000), "none", 10_000, 11_100).fire_times == (10_000, 11_000)


def test_latest_fires_one_however_late() -> None:
    firing = decide(HOURLY, "latest", 10 * HOUR, 100 * HOUR + HOUR // 2)
    assert (firing.fire_times, firing.missed, firing.next_fire_time) == ((100 * HOUR,), 99 * HOUR, 101 * HOUR)


def test_all_fires_every_time_up_to_its_limit_and_keeps_the_newest() -> None:
    assert decide(HOURLY, "all", 10 * HOUR, 13 * HOUR + 1).fire_times == tuple(
        n * HOUR for n in (10, 11, 12, 13)
    )
    firing = decide(Timetable(every_ms=1_000), "all", 0, 365 * DAY)
    assert len(firing.fire_times) == CATCH_UP_AT_MOST
    assert (firing.fire_times[-1], firing.next_fire_time) == (365 * DAY, 365 * DAY + 1_000)
    assert firing.missed == 0


def test_of_fire_times_that_replace_each_other_the_newest_fires() -> None:
    firing = decide(HOURLY, "all", 10 * HOUR, 13 * HOUR + 1, "replace")
    assert (firing.fire_times, firing.missed) == ((13 * HOUR,), 12 * HOUR)


def test_a_finished_schedule_waits_for_nothing() -> None:
    table = Timetable(every_ms=HOUR, end_ms=10 * HOUR)
    assert decide(table, "none", 10 * HOUR, 10 * HOUR + 1).next_fire_time is None


ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago"]


# No deadline, so that a loaded machine does not fail the test.
@settings(deadline=None)
@given(
    st.sampled_from(
        ["30 2 * * *", "*/20 1-3 * * *", "15 30 2 * * 0", "0 0 * * *", "7 */3 * * *", "* * * * *"]
    ),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
)
def test_fire_times_do_not_depend_on_the_start_of_the_search(cron: str, zone: str, naive: datetime) -> None:
    table = Timetable(cron=cron, timezone=zone)
    start = round(naive.replace(tzinfo=UTC).timestamp() * 1000)
    ahead = table.upcoming(start, 12)
    assert ahead == sorted(set(ahead))
    at = start
    for time in ahead:
        at = table.next_after(at) or 0
        assert at == time
    walls = [datetime.fromtimestamp(time / 1000, ZoneInfo(zone)).replace(tzinfo=None) for time in ahead]
    assert cron == "* * * * *" or len(set(walls)) == len(walls)


@settings(deadline=None)
@given(st.integers(1, 10**7), st.integers(0, 10**7), st.integers(0, 10**7), st.integers(1, 20))
def test_the_newest_fire_times_are_those_found_by_counting(
    every: int, first: int, gap: int, at_most: int
) -> None:
    table = Timetable(every_ms=every)
    first = first // every * every
    now = first + gap
    counted = range(first, now + 1, every)[-at_most:]
    assert table.newest(first, now, at_most) == list(counted)
