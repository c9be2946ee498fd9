# Written by `make generate` from triage_client/_async/client.py: change that file.
"""The client for blocking code."""

from types import TracebackType
from typing import Self

import httpx

from triage_client._sync.group_methods import GroupMethods
from triage_client._sync.history_methods import HistoryMethods
from triage_client._sync.http import Http
from triage_client._sync.job_methods import JobMethods
from triage_client._sync.operation_methods import OperationMethods
from triage_client._sync.tenants.methods import TenantMethods
from triage_client._sync.webhooks.methods import WebhookMethods
from triage_client._core.config import Config


class Triage(
    JobMethods,
    GroupMethods,
    OperationMethods,
    HistoryMethods,
    WebhookMethods,
    TenantMethods,
):
    """The client for blocking code.

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
        http_client: httpx.Client | None = None,
    ) -> None:
        self.http = Http(Config.read(url, api_key, timeout, max_retries), http_client)

    @property
    def url(self) -> str:
        """The address of the API."""
        return self.http.config.shown

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
