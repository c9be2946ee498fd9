"""The time at which tests of the store begin, when they say what time it is."""

START = 1_900_000_000_000
