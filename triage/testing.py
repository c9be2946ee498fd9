"""For tests of handlers: `run` one as a worker would, without a worker and without Redis."""

from triage import checked as checked
from workers.testing import End, run, run_twice

__all__ = ["End", "run", "run_twice"]
