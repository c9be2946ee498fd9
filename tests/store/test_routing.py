"""Which server a call goes to, and how often a process asks for the masters."""

import asyncio
from typing import Any

import pytest
from redis.exceptions import AskError, ConnectionError, MovedError, ReadOnlyError

from service.redis_url import Address, parse_redis_url
from service.store.redis.errors import translate
from service.store.redis.routing.doubts import Doubts
from service.store.redis.routing.layout import Layout, slot_of
from service.store.redis.routing.masters import Masters

A, B, C = ("a", 1), ("b", 2), ("c", 3)
SENTINEL = parse_redis_url("redis+sentinel://s1:1,s2:2,s3:3/mymaster")
CLUSTER = parse_redis_url("redis+cluster://a:1,b:2,c:3")
BROKEN = ConnectionError("Connection closed by server.")


def layout(*masters: Address) -> Layout:
    """The masters share the slots."""
    each = 16_384 // len(masters)
    rows = [
        (each * number, 16_383 if number == len(masters) - 1 else each * (number + 1) - 1, (*master, b"id"))
        for number, master in enumerate(masters)
    ]
    return Layout.of_slots(rows, A)


def test_a_namespace_is_one_slot() -> None:
    assert slot_of("triage:{shop}:job:1") == slot_of("triage:{shop}:queues") == slot_of("shop")
    assert slot_of("triage:{shop}:") != slot_of("triage:{shop2}:")


def test_a_server_may_leave_out_its_own_host() -> None:
    assert Layout.of_slots([(0, 16_383, (b"", 7000, b"id"))], ("given", 1)).master(5) == ("given", 7000)
    assert Layout.of_slots([(0, 16_383, (None, 7000))], ("given", 1)).complete


def test_a_slot_without_a_master_is_an_outage() -> None:
    found = Layout.of_slots([(0, 99, (b"a", 1))], A)
    assert (found.master(99), found.complete) == (A, False)
    with pytest.raises(ConnectionError) as caught:
        found.master(100)
    assert translate(caught.value, wrote=True).code == "backend_unavailable", "nothing was sent"


def test_a_redirection_moves_one_slot_at_once() -> None:
    doubts = Doubts(CLUSTER)
    doubts.on_layout(layout(A, B), 0)
    doubts.on_error(A, MovedError("5 c:3"))
    assert doubts.layout is not None
    assert [doubts.layout.master(slot) for slot in (4, 5, 6)] == [A, C, A]
    assert doubts.must_ask(10)


def test_a_slot_on_its_way_is_no_reason_to_ask() -> None:
    doubts = Doubts(CLUSTER)
    doubts.on_layout(layout(A, B), 0)
    doubts.on_error(A, AskError("5 c:3"))
    assert not doubts.must_ask(10)
    assert translate(AskError("5 c:3"), wrote=True).code == "backend_unavailable"


def test_pauses_between_questions_grow_and_start_over() -> None:
    doubts, now, pauses = Doubts(SENTINEL), 0.0, list[float]()
    doubts.on_layout(Layout.of_master(A), now)
    for _ in range(8):
        doubts.on_error(A, BROKEN)
        begin = now
        while not doubts.must_ask(now):
            now += 0.01
        pauses.append(now - begin)
        doubts.on_layout(Layout.of_master(A), now)
    assert pauses[0] < 0.2
    assert all(pause <= 1.6 for pause in pauses)
    assert sum(pauses) > 3
    doubts.on_error(A, BROKEN)
    assert doubts.must_ask(now + 60), "a later failure is asked about at once"


def test_only_a_failed_master_is_doubted() -> None:
    doubts = Doubts(SENTINEL)
    doubts.on_layout(Layout.of_master(B), 0)
    for error in (BROKEN, ReadOnlyError("x")):
        doubts.on_error(A, error)
        assert not doubts.must_ask(10), "it is no master any more"
    doubts.on_error(B, ReadOnlyError("x"))
    assert doubts.must_ask(10)


def test_the_sentinel_that_replied_is_asked_first_and_a_late_one_is_not_trusted() -> None:
    doubts = Doubts(SENTINEL)
    doubts.on_layout(Layout.of_master(A), 0)
    doubts.on_error(A, BROKEN)
    assert not doubts.trusts(("s1", 1), Layout.of_master(A))
    assert doubts.trusts(("s2", 2), Layout.of_master(B))
    assert doubts.nodes() == [("s2", 2), ("s1", 1), ("s3", 3)]


def test_a_cluster_is_asked_at_its_masters_and_last_at_a_failed_one() -> None:
    doubts = Doubts(CLUSTER)
    doubts.on_layout(layout(B, ("d", 4)), 0)
    doubts.on_error(B, BROKEN)
    assert doubts.nodes() == [("d", 4), A, C, B]


async def test_all_callers_of_a_process_share_one_question() -> None:
    asked: list[Address] = []
    released = asyncio.Event()

    async def ask(node: Address) -> Layout:
        asked.append(node)
        await released.wait()
        return Layout.of_master(B)

    masters: Any = Masters(SENTINEL, ask)
    calls = [asyncio.ensure_future(masters.layout()) for _ in range(100)]
    asyncio.get_running_loop().call_soon(released.set)
    assert {found.master(0) for found in await asyncio.gather(*calls)} == {B}
    assert asked == [("s1", 1)]
    for _ in range(100):
        masters.on_error(B, BROKEN)
        await masters.layout()
    assert len(asked) <= 1 + 3, "nor does a failure that persists cause a question per call"
