"""Where the API is, and the key for it."""

import ipaddress
import os
from dataclasses import dataclass, field
from importlib.metadata import version

import httpx

from triage_client.errors import ConfigurationError

DEFAULT_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True)
class Config:
    url: httpx.URL
    key: str = field(repr=False)
    timeout: float
    max_retries: int
    #: Where the URL came from, for messages; empty if it was an argument.
    source: str

    @classmethod
    def read(cls, url: str | None, key: str | None, timeout: float, max_retries: int) -> "Config":
        """Raises ConfigurationError."""
        source = ""
        if url is None:
            url, source = os.environ.get("TRIAGE_URL"), " (TRIAGE_URL)"
        if not url:
            url, source = DEFAULT_URL, " (the default: TRIAGE_URL is not set)"
        if key is None:
            key = os.environ.get("TRIAGE_API_KEY", "")
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ConfigurationError("The API key contains spaces, line breaks or other invalid characters.")
        return cls(_checked(url, source), key, timeout, max_retries, source)

    @property
    def address(self) -> str:
        return str(self.url)

    @property
    def shown(self) -> str:
        """The address for messages, without user name and password."""
        return without_secrets(self.address)

    @property
    def uses_environment(self) -> bool:
        """Whether proxies of the environment apply. None can reach this machine's own loopback addresses."""
        return not is_loopback(self.url.host)

    @property
    def verifies(self) -> bool:
        """Whether to load certificates, which takes longer than a request."""
        return self.uses_environment or self.url.scheme == "https"

    def headers(self) -> dict[str, str]:
        agent = {"User-Agent": f"triage-client-python/{version('triage-client')}"}
        return agent | ({"Authorization": f"Bearer {self.key}"} if self.key else {})


def _checked(text: str, source: str) -> httpx.URL:
    shown = without_secrets(text)
    try:
        url = httpx.URL(text.strip().rstrip("/"))
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"{shown!r}{source} is not a URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.host:
        hint = (
            f"http://{shown}"
            if "://" not in text and url.scheme not in ("http", "https")
            else "http://HOST:PORT"
        )
        raise ConfigurationError(f"{shown!r}{source} has no http:// or https://: write {hint}")
    if url.query or url.fragment:
        raise ConfigurationError(f"{shown!r}{source} has a query or a fragment: give the API's address only")
    if url.path.endswith("/v1") or "/v1/" in url.path:
        start = shown.partition("/v1")[0]
        raise ConfigurationError(
            f"{shown!r}{source} includes the path /v1, which the client adds: write {start}"
        )
    return url


def without_secrets(url: str) -> str:
    """A URL without user name and password, for messages."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
