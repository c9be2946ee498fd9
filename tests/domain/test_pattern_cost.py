"""The estimated states of a pattern."""

import pytest

from service.domain.pattern_cost import MAX_LENGTH, TOO_MANY, states


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [
        ("abc", 3, 10),
        (r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", 32, 200),
        (r"^[^\s@]+@[^\s@]+\.[^\s@]+$", 3, 200),
        ("a{1000}", 1_000, 1_010),
        ("(a{100}){100}", 10_000, 11_000),
        ("(ab{10}|c){20}", 220, 400),
        ("[]a]{3}", 3, 20),
        (r"[\]{9}]", 1, 60),
        (r"\{9\}", 3, 10),
        ("a{,9}", 3, 10),
        ("a{900000000}{9}", TOO_MANY, TOO_MANY),
        ("((((a{99}){99}){99}){99}){99}", TOO_MANY, TOO_MANY),
        ("a" * (MAX_LENGTH + 1), TOO_MANY, TOO_MANY),
        ("((((", 1, 10),
        ("))]\\", 1, 10),
        ("[", 1, 10),
    ],
)
def test_repetitions_multiply_and_odd_patterns_end(pattern: str, least: int, most: int) -> None:
    assert least <= states(pattern) <= most
