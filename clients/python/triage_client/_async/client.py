"""The client for asyncio."""

from types import TracebackType
from typing import Self

import httpx

from triage_client._async.group_methods import AsyncGroupMethods
from triage_client._async.history_methods import AsyncHistoryMethods
from triage_client._async.http import AsyncHttp
from triage_client._async.job_methods import AsyncJobMethods
from triage_client._async.operation_methods import AsyncOperationMethods
from triage_client._async.tenants.methods import AsyncTenantMethods
from triage_client._async.webhooks.methods import AsyncWebhookMethods
from triage_client._core.config import Config


class AsyncTriage(
    AsyncJobMethods,
    AsyncGroupMethods,
    AsyncOperationMethods,
    AsyncHistoryMethods,
    AsyncWebhookMethods,
    AsyncTenantMethods,
):
    """The client for asyncio.

    `url` and `api_key` come from TRIAGE_URL and TRIAGE_API_KEY if they are not given. `timeout` is for the
    response to a request, in seconds; waiting for a job is not limited by it. `max_retries` is how often the
    client retries a failed request, if that is safe; `http_client` is your own httpx client.

    Raises ConfigurationError.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 10.0,
        max_retries: int = 4,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self.http = AsyncHttp(Config.read(url, api_key, timeout, max_retries), http_client)

    @property
    def url(self) -> str:
        """The address of the API."""
        return self.http.config.shown

    async def aclose(self) -> None:
        """Close the connections."""
        await self.http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
