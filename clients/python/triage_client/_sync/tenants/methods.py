# Written by `make generate` from triage_client/_async/tenants/methods.py: change that file.
"""The methods of the client for API keys, and for the namespaces of an installation."""

from collections.abc import Iterator, Sequence
from typing import Unpack

from triage_client._sync.http import Http
from triage_client._sync.tenants.handles import ApiKey, Namespace
from triage_client._core.requests import Repeat
from triage_client._core.specs import listed
from triage_client.types import ApiKeyIssuedOut, ApiKeyOptions, NamespaceOptions


class TenantMethods:
    http: Http

    def create_api_key(
        self, name: str, scopes: str | Sequence[str], **options: Unpack[ApiKeyOptions]
    ) -> ApiKey:
        """Create a key for the caller's namespace; `secret` of the result is the key."""
        body = {"name": name, "scopes": listed(scopes), **options}
        data: ApiKeyIssuedOut = self.http.json(
            "POST", "/v1/api-keys", body=body, repeat=Repeat.UNAPPLIED, needs=("object", "key")
        )
        return ApiKey(self.http, data["id"], data)

    def api_keys(self, *, limit: int | None = None) -> Iterator[ApiKey]:
        """The keys of the caller's namespace, newest first."""
        for row in self.http.items("/v1/api-keys", limit=limit):
            yield ApiKey(self.http, row["id"], row)

    def api_key(self, id: str) -> ApiKey:
        """A key by its id. Sends nothing: call a method of it."""
        return ApiKey(self.http, id)

    def get_api_key(self, id: str) -> ApiKey:
        """Read a key."""
        return self.api_key(id).refresh()

    def create_namespace(self, name: str, **options: Unpack[NamespaceOptions]) -> Namespace:
        """Give a namespace quotas, by default the ones for a shared installation."""
        body = {"name": name, **options}
        data = self.http.json("POST", "/v1/namespaces", body=body, repeat=Repeat.UNAPPLIED)
        return Namespace(self.http, name, data)

    def namespaces(self, *, limit: int | None = None) -> Iterator[Namespace]:
        """The namespaces that an operator has created, by name."""
        for row in self.http.items("/v1/namespaces", limit=limit):
            yield Namespace(self.http, row["name"], row)

    def namespace(self, name: str) -> Namespace:
        """A namespace by its name. Sends nothing: call a method of it."""
        return Namespace(self.http, name)

    def get_namespace(self, name: str) -> Namespace:
        """Read a namespace with what it uses of its quotas."""
        return self.namespace(name).refresh()
