"""Records are compared and copied like frozen dataclasses, and pyright refuses to change one."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from dataclasses import replace

import pytest

from service.domain.outcome import Succeeded


def change(outcome: Succeeded) -> None:
    # Without the error that is expected here, the comment would be one.
    outcome.result = b"2"  # pyright: ignore[reportAttributeAccessIssue]


def test_records_are_equal_by_value_and_can_be_keys() -> None:
    assert {Succeeded(b"1"): "one"}[Succeeded(b"1")] == "one"
    assert Succeeded(b"1") != Succeeded(b"2")


def test_a_copy_with_changes_leaves_the_first_as_it_was() -> None:
    first = Succeeded(b"1")
    assert replace(first, result=b"2") == Succeeded(b"2")
    assert first == Succeeded(b"1")


def test_records_have_no_room_for_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Succeeded(b"1").outcome = "one"  # type: ignore[attr-defined]
