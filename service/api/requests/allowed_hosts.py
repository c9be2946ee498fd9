"""When authentication is off, accepts only requests for this machine's own names (DNS rebinding)."""

from collections.abc import Collection

from service.addresses import is_loopback
from service.api.requests.middleware import App, Receive, Scope, Send
from service.api.responses.errors import HostNotAllowed
from service.api.responses.problems import of_error, respond


class AllowedHosts:
    """Plain ASGI. Refuses a `Host` that another site may own.

    Such a site can point its name at this machine, and browsers then let its pages read responses. Loopback
    addresses and `localhost` cannot belong to a site.
    """

    def __init__(self, app: App, names: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower().rstrip(".") for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
            if len(hosts) != 1 or not self.allows(hosts[0]):
                document = of_error(HostNotAllowed(), scope["path"], scope.get("state", {}).get("request_id"))
                return await respond(document)(scope, receive, send)  # type: ignore[arg-type]
        await self._app(scope, receive, send)

    def allows(self, host: str) -> bool:
        if host.startswith("["):
            name, end, port = host[1:].partition("]")
            if not end:
                return False
            port = port.removeprefix(":")
        else:
            name, _, port = host.partition(":")
        name = name.lower().rstrip(".")
        if port and not port.isdecimal():
            return False
        return name in self._names or is_loopback(name)
