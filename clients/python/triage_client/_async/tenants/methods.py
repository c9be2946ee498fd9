"""The methods of the client for API keys, and for the namespaces of an installation."""

from collections.abc import AsyncIterator, Sequence
from typing import Unpack

from triage_client._async.http import AsyncHttp
from triage_client._async.tenants.handles import AsyncApiKey, AsyncNamespace
from triage_client._core.requests import Repeat
from triage_client._core.specs import listed
from triage_client.types import ApiKeyIssuedOut, ApiKeyOptions, NamespaceOptions


class AsyncTenantMethods:
    http: AsyncHttp

    async def create_api_key(
        self, name: str, scopes: str | Sequence[str], **options: Unpack[ApiKeyOptions]
    ) -> AsyncApiKey:
        """Create a key for the caller's namespace; `secret` of the result is the key."""
        body = {"name": name, "scopes": listed(scopes), **options}
        data: ApiKeyIssuedOut = await self.http.json(
            "POST", "/v1/api-keys", body=body, repeat=Repeat.UNAPPLIED, needs=("object", "key")
        )
        return AsyncApiKey(self.http, data["id"], data)

    async def api_keys(self, *, limit: int | None = None) -> AsyncIterator[AsyncApiKey]:
        """The keys of the caller's namespace, newest first."""
        async for row in self.http.items("/v1/api-keys", limit=limit):
            yield AsyncApiKey(self.http, row["id"], row)

    def api_key(self, id: str) -> AsyncApiKey:
        """A key by its id. Sends nothing: call a method of it."""
        return AsyncApiKey(self.http, id)

    async def get_api_key(self, id: str) -> AsyncApiKey:
        """Read a key."""
        return await self.api_key(id).refresh()

    async def create_namespace(self, name: str, **options: Unpack[NamespaceOptions]) -> AsyncNamespace:
        """Give a namespace quotas, by default the ones for a shared installation."""
        body = {"name": name, **options}
        data = await self.http.json("POST", "/v1/namespaces", body=body, repeat=Repeat.UNAPPLIED)
        return AsyncNamespace(self.http, name, data)

    async def namespaces(self, *, limit: int | None = None) -> AsyncIterator[AsyncNamespace]:
        """The namespaces that an operator has created, by name."""
        async for row in self.http.items("/v1/namespaces", limit=limit):
            yield AsyncNamespace(self.http, row["name"], row)

    def namespace(self, name: str) -> AsyncNamespace:
        """A namespace by its name. Sends nothing: call a method of it."""
        return AsyncNamespace(self.http, name)

    async def get_namespace(self, name: str) -> AsyncNamespace:
        """Read a namespace with what it uses of its quotas."""
        return await self.namespace(name).refresh()
