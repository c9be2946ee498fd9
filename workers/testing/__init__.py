"""For tests of handlers: runs them like a worker does, without a worker or Redis."""

from workers.testing.runner import End, run, run_twice

__all__ = ["End", "run", "run_twice"]
