"""Stores the endpoints of webhooks."""

from collections.abc import Sequence
from typing import Any

from service.domain.errors import VersionMismatch
from service.domain.webhook import CALLBACKS, MAX_ENDPOINTS, Secret, TooManyWebhooks, Webhook
from service.store.codec.fields import text, texts
from service.store.codec.webhooks.endpoints import decode_webhook, encode_secrets
from service.store.queries import Queries
from service.store.redis.key_groups import webhook_keys
from service.store.redis.scripts import Argument, Scripts


class Webhooks:
    """The endpoints of one namespace, at most MAX_ENDPOINTS."""

    def __init__(self, scripts: Scripts, queries: Queries) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._queries = queries

    async def get(self, id: str) -> Webhook | None:
        return (await self._read([id]))[0]

    async def list(self) -> list[Webhook]:
        """Newest first."""
        key = webhook_keys.webhooks(self._prefix)
        ids = texts((await self._queries.pipeline(lambda pipe: pipe.zrevrange(key, 0, -1)))[0])
        return [found for found in await self._read(ids) if found is not None]

    async def create(
        self, id: str, url: str, events: Sequence[str], description: str, secret: Secret
    ) -> Webhook:
        """Raises TooManyWebhooks."""
        return await self._put(
            id, None, "", url=url, events=events, description=description, secrets=[secret]
        )

    async def change(self, found: Webhook, **fields: Any) -> Webhook:
        """Change `url`, `events`, `description` or `secrets`; raises VersionMismatch."""
        return await self._put(found.id, found, "", **fields)

    async def enable(self, found: Webhook) -> Webhook:
        """Deliver events from now on; raises VersionMismatch."""
        return await self._put(found.id, found, "enable")

    async def disable(self, found: Webhook) -> Webhook:
        """End pending deliveries and record no new ones; raises VersionMismatch."""
        return await self._put(found.id, found, "disable")

    async def put_callbacks(self, before: Webhook | None, secrets: Sequence[Secret]) -> Webhook:
        """Change the secrets that sign callbacks; raises VersionMismatch."""
        return await self._put(CALLBACKS, before, "", secrets=secrets)

    async def delete(self, id: str, version: int | None) -> bool:
        """False when it does not exist; raises VersionMismatch."""
        word = text(await self._scripts.run("delete_webhook", [id, "" if version is None else version]))
        if word == "version":
            raise VersionMismatch()
        return word == "moved"

    async def _put(self, id: str, before: Webhook | None, switch: str, **fields: Any) -> Webhook:
        version = 0 if before is None else before.version
        arguments: list[Argument] = [id, version, MAX_ENDPOINTS, switch]
        for name, value in fields.items():
            arguments += [name, _encode(name, value)]
        word, _ = await self._scripts.run("put_webhook", arguments)
        word = text(word)
        if word == "too_many":
            raise TooManyWebhooks()
        found = await self.get(id)
        if found is None:
            raise VersionMismatch()  # It was deleted meanwhile.
        # A refused change may be the second call of one whose first reply was lost.
        if word == "version" and not _has(found, version + 1, switch, fields):
            raise VersionMismatch()
        return found

    async def _read(self, ids: Sequence[str]) -> Sequence[Webhook | None]:
        def ask(pipe: Any) -> None:
            for id in ids:
                pipe.hgetall(webhook_keys.webhook(self._prefix, endpoint=id))
                pipe.get(webhook_keys.outbox_failing(self._prefix, target=id))

        rows = await self._queries.pipeline(ask) if ids else []
        return [
            decode_webhook(id, fields, failing)
            for id, fields, failing in zip(ids, rows[::2], rows[1::2], strict=True)
        ]


def _encode(name: str, value: Any) -> Argument:
    match name:
        case "events":
            return ",".join(value)
        case "secrets":
            return encode_secrets(value)
        case _:
            return value


def _has(found: Webhook, version: int, switch: str, fields: dict[str, Any]) -> bool:
    if found.version != version or (switch and (found.disabled_at is None) != (switch == "enable")):
        return False
    return all(
        tuple(value) == getattr(found, name)
        if isinstance(value, list | tuple)
        else value == getattr(found, name)
        for name, value in fields.items()
    )
