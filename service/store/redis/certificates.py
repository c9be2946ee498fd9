"""Makes connections of redis-py read the files of their certificates again once they have changed.

Kubernetes and cert-manager renew them while processes run. A connection of a pool lives on when it connects
again, and would keep the first certificates until the server refuses them as expired.
"""

import os
from typing import Any, cast


class RenewsCertificates:
    """For asyncio connections with TLS; blocking ones read the files for each connect."""

    def _connection_arguments(self) -> Any:
        context = cast(Any, self).ssl_context
        stamp = [_stamp(path) for path in (context.ca_certs, context.certfile, context.keyfile)]
        if stamp != getattr(self, "_stamp", stamp):
            context.context = None
        self._stamp = stamp
        return cast(Any, super())._connection_arguments()


def _stamp(path: str | None) -> tuple[int, int] | None:
    """What differs after a change; Kubernetes replaces a link to the folder of the files."""
    if path is None:
        return None
    try:
        status = os.stat(path)
    except OSError:
        # To load it raises the error.
        return None
    return status.st_mtime_ns, status.st_ino
