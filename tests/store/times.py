"""The time at which the clock of the store's tests starts."""

START = 1_900_000_000_000
