"""`Prefer: wait=N` as RFC 7240 writes it."""

import pytest

from service.api.requests.long_polls import preferred_wait


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("respond-async", None),
        ("wait=2", 2.0),
        ('wait="2"', 2.0),
        ("Wait = 0.25", 0.25),
        ("respond-async, wait=2", 2.0),
        ("wait=2; strict", 2.0),
        ("wait=2, wait=9", 2.0),
        ("wait=0.0001", 0.0001),
        ("wait=31", 30.0),
        ("wait=12345", 30.0),
        ("wait=", None),
        ("wait=-1", None),
        ("wait=1e9", None),
        ("wait=1.5.5", None),
        ('wait="2', None),
        ("await=2", None),
    ],
)
def test_a_wait_is_read_whole_or_not_at_all(header: str | None, seconds: float | None) -> None:
    assert preferred_wait(header) == seconds
