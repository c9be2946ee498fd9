"""Ids sort by creation even when the clock does not, and carry their time."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.ids import IdFactory, created_ms, is_id
from tests.support.manual_clock import ManualClock

LARGEST_RANDOM = b"\xff" * 10


def zeros(count: int) -> bytes:
    return bytes(count)


def test_an_id_is_its_prefix_and_a_ulid() -> None:
    assert IdFactory(lambda: 1_469_918_176_385, zeros).new("job") == "job_01ARYZ6S410000000000000000"


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_an_id_carries_its_creation_time(now_ms: int, random: bytes) -> None:
    id = IdFactory(lambda: now_ms, lambda _: random).new("job")

    assert is_id("job", id)
    assert created_ms(id) == now_ms


@given(st.lists(st.integers(-5_000, 5_000), min_size=1, max_size=50))
def test_ids_increase_also_when_the_clock_stands_still_or_steps_back(steps: list[int]) -> None:
    clock = ManualClock()
    ids = IdFactory(clock.now_ms, zeros)

    made = [ids.new("job")]
    for step in steps:
        clock.set_wall_ms(clock.now_ms() + step)
        made.append(ids.new("job"))

    assert made == sorted(set(made))


def test_ids_increase_past_the_largest_random_part_of_a_millisecond() -> None:
    clock = ManualClock()
    ids = IdFactory(clock.now_ms, lambda _: LARGEST_RANDOM)

    first, second = ids.new("job"), ids.new("job")

    assert first < second
    assert created_ms(second) == clock.now_ms() + 1


def test_threads_never_share_an_id() -> None:
    ids = IdFactory(ManualClock().now_ms, zeros)

    with ThreadPoolExecutor(8) as threads:
        batches = list(threads.map(lambda _: [ids.new("job") for _ in range(500)], range(8)))

    assert len({id for batch in batches for id in batch}) == 8 * 500
    assert all(batch == sorted(batch) for batch in batches)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "job_",
        "01ARYZ6S410000000000000000",
        "flow_01ARYZ6S410000000000000000",
        "job_01ARYZ6S41000000000000000",
        "job_01ARYZ6S4100000000000000000",
        "job_01aryz6s410000000000000000",
        "job_01ARYZ6S41000000000000000U",
        "job_81ARYZ6S410000000000000000",
        "job_01ARYZ6S410000000000000000\n",
    ],
)
def test_other_texts_are_not_ids_of_a_job(text: str) -> None:
    assert not is_id("job", text)


@pytest.mark.parametrize("text", ["", "job_", "job_01ARYZ6S41", "job_81ARYZ6S410000000000000000"])
def test_an_invalid_id_carries_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="invalid ID"):
        created_ms(text)
