"""For tests of handlers: `run` them like a worker does, without a worker or Redis."""

from triage import checked as checked
from workers.testing import End, run, run_twice

__all__ = ["End", "run", "run_twice"]
