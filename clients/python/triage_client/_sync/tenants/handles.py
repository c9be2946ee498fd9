# Written by `make generate` from triage_client/_async/tenants/handles.py: change that file.
"""Handles of API keys and namespaces."""

from typing import Any, Self, Unpack, cast

from triage_client._sync.handle import Handle
from triage_client._core.requests import Repeat, if_version, path
from triage_client._core.specs import given
from triage_client.types import ApiKeyOut, NamespaceChangesIn, NamespaceOut, QuotasOut, UsageOut


class ApiKey(Handle[ApiKeyOut]):
    """An API key of the caller's namespace."""

    PLACE = "/v1/api-keys/{}"

    @property
    def name(self) -> str:
        return self.data["name"]

    @property
    def scopes(self) -> list[str]:
        return self.data["scopes"]

    @property
    def secret(self) -> str | None:
        """The key itself, which Triage does not store: present right after the creation or a rotation."""
        return cast("dict[str, Any]", self.data).get("key")

    def rotate(self, *, overlap_seconds: float | None = None) -> str:
        """Give the key a new secret, and return it. Without an overlap, the old one ends at once."""
        place = path("/v1/api-keys/{}/rotate", self.id)
        body = given(overlap_seconds=overlap_seconds)
        found = self.http.json(
            "POST", place, body=body, repeat=Repeat.UNAPPLIED, needs=("object", "key")
        )
        self.load(found)
        return found["key"]

    def revoke(self) -> None:
        """Delete the key. API processes may accept it for up to five more seconds."""
        self.http.json("DELETE", path("/v1/api-keys/{}", self.id))


class Namespace(Handle[NamespaceOut]):
    """A namespace with quotas; its id is its name."""

    PLACE = "/v1/namespaces/{}"

    @property
    def name(self) -> str:
        return self.id

    @property
    def quotas(self) -> QuotasOut:
        return self.data["quotas"]

    @property
    def usage(self) -> UsageOut | None:
        """What it uses of its quotas; None in lists."""
        return self.data["usage"]

    def update(self, *, if_match: int | None = None, **changes: Unpack[NamespaceChangesIn]) -> Self:
        """Change quotas, retention or redactions; None removes a quota."""
        headers, repeat = if_version(if_match)
        place = path("/v1/namespaces/{}", self.id)
        return self.load(self.http.json("PATCH", place, body=changes, headers=headers, repeat=repeat))

    def delete(self) -> None:
        """Delete the empty namespace with its quotas, and revoke its API keys."""
        self.http.json("DELETE", path("/v1/namespaces/{}", self.id))
