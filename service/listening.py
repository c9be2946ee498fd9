"""Says why a server cannot listen; uvicorn logs only the number of the error, and exits."""

import contextlib
import errno
import logging
import os
import socket
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
        raise ConfigurationInvalid(why_not(error, setting, config.host, config.port)) from error
    finally:
        _log.removeFilter(_is_something_else)


def why_not(error: OSError, setting: str, host: str, port: int) -> str:
    """A sentence that names the setting of the port, or of the host if that is the reason."""
    reason = os.strerror(error.errno or 0)
    if error.errno == errno.EADDRINUSE:
        reason = f"another process listens there; stop it, or set {setting} to a free port"
    elif isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        setting = setting.replace("_PORT", "_HOST")
        reason = "this machine has no such address; use 0.0.0.0 for all, or 127.0.0.1"
    return f"{setting}: cannot listen on {host}:{port}: {reason}."


def _is_something_else(record: logging.LogRecord) -> bool:
    return not isinstance(record.msg, OSError)
