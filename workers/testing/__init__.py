"""For tests of handlers: runs one as a worker would, without a worker and without Redis."""

from workers.testing.runner import End, run, run_twice

__all__ = ["End", "run", "run_twice"]
