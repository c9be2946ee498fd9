"""Errors with the same cause have the same fingerprint."""

import pytest

from service.domain.fingerprints import fingerprint, normalized
from service.domain.outcome import Failure

TRACE = """Traceback (most recent call last):
  File "/app/shop/orders.py", line {line}, in {function}
    raise ValueError(order)
ValueError: order
"""


def failure(
    message: str = "order", line: int = 7, function: str = "charge", kind: str = "ValueError"
) -> Failure:
    return Failure(kind, message, TRACE.format(line=line, function=function))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("no response within 5 s", "no response within # s"),
        ("Order o-17 of user 3f2c9a1b-aa00-4e1d-9c55-0d3a5d8c2b11 failed", "Order # of user # failed"),
        ("Connect to 10.0.0.7:5432 timed out", "Connect to # timed out"),
        ("bob@example.com has no address", "# has no address"),
        ("'user_id'", "'user_id'"),
        ("  first line \n  second line", "first line"),
        ("x" * 500, "x" * 200),
        ("", ""),
    ],
)
def test_parts_of_a_message_that_vary_are_left_out(message: str, expected: str) -> None:
    assert normalized(message) == expected


def test_the_same_cause_has_the_same_fingerprint() -> None:
    first = fingerprint("send-alert", failure("user 17 has no phone", line=7))
    assert first == fingerprint("send_alert", failure("user 9 has no phone", line=70))
    assert len(first) == 16


def test_other_causes_have_others() -> None:
    found = {
        fingerprint("send-alert", failure()),
        fingerprint("send-report", failure()),
        fingerprint("send-alert", failure("address")),
        fingerprint("send-alert", failure(kind="KeyError")),
        fingerprint("send-alert", failure(function="refund")),
        fingerprint("send-alert", Failure("ValueError", "order")),
    }
    assert len(found) == 6


def test_a_long_message_without_spaces_is_quick() -> None:
    assert normalized("a@" * 5_000).startswith("#")
