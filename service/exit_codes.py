"""Exit codes; docs/reference/command-line.md lists them."""

import sys
from collections.abc import Generator
from contextlib import contextmanager

from service.domain.errors import ConfigurationInvalid

SUCCEEDED = 0
#: The API refused the request or cannot be reached; or not everything succeeded.
REFUSED = 1
#: A finished job, flow or fan-out that did not succeed.
DEAD, CANCELLED = 3, 4
#: It has not finished in time.
UNFINISHED = 5
#: Redis cannot be reached, and invalid configuration, as in sysexits.h.
UNAVAILABLE, CONFIGURATION = 69, 78
INTERRUPTED = 130

#: Of commands that wait, by the final state. A flow or a fan-out is failed where a job is dead.
BY_STATE = {"succeeded": SUCCEEDED, "dead": DEAD, "failed": DEAD, "cancelled": CANCELLED}


@contextmanager
def reporting_configuration() -> Generator[None]:
    """Exit with 78 and a line for each problem if the configuration is invalid."""
    try:
        yield
    except ConfigurationInvalid as error:
        sys.stderr.write("".join(f"triage: {line}\n" for line in error.message.splitlines()))
        raise SystemExit(CONFIGURATION) from error
