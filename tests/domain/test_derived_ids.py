"""Ids computed from others: of the items of a fan-out, and of what is derived from a seed."""

import os

from service.clock import Clock
from service.domain.fan_out import MEMBERS, ItemIds, item_id
from service.domain.ids import IdFactory, derived_id

IDS = IdFactory(Clock().now_ms, os.urandom)


def test_ids_of_items_are_computed_when_needed() -> None:
    id = IDS.new("fan", members=MEMBERS)
    items = ItemIds(id, 1_000_000)
    assert (len(items), items[999_999], items[-1]) == (1_000_000, item_id(id, 999_999), items[999_999])
    assert items[10:12] == [item_id(id, 10), item_id(id, 11)]
    assert list(ItemIds(id, 2)) == [items[0], items[1]]
    assert IDS.new("job") > items[-1]


def test_a_derived_id_is_the_same_for_the_same_seed() -> None:
    one = derived_id("fan", 1_700_000_000_000, "job_1 1")
    assert one == derived_id("fan", 1_700_000_000_000, "job_1 1")
    assert one != derived_id("fan", 1_700_000_000_000, "job_1 2")
    assert one < derived_id("fan", 1_700_000_000_001, "job_1 1")
