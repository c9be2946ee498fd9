"""Says why a server cannot listen; uvicorn logs only the number of the error, and exits."""

import contextlib
import errno
import logging
import os
from collections.abc import Generator

import uvicorn

from service.domain.errors import ConfigurationInvalid

_log = logging.getLogger("uvicorn.error")


@contextlib.contextmanager
def listening(setting: str, config: uvicorn.Config) -> Generator[None]:
    """For the start of a server on the port of this `setting`; raises ConfigurationInvalid."""
    _log.addFilter(_is_something_else)
    try:
        yield
    except SystemExit as exited:
        error = exited.__context__
        if not isinstance(error, OSError):
            raise
        reason = os.strerror(error.errno or 0)
        if error.errno == errno.EADDRINUSE:
            reason = f"another process listens there; stop it, or set {setting} to a free port"
        raise ConfigurationInvalid(
            f"{setting}: cannot listen on {config.host}:{config.port}: {reason}."
        ) from error
    finally:
        _log.removeFilter(_is_something_else)


def _is_something_else(record: logging.LogRecord) -> bool:
    return not isinstance(record.msg, OSError)
