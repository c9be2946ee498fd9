"""The headers that `http.request` may send, its signature, and the Retry-After that it gets back."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

USER_AGENT = "Triage/1"
#: Seconds that a server may make a job wait: a header with more is taken for a mistake.
MAX_WAIT = 86_400.0

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_VALUE = re.compile(r"[\t\x20-\x7e]{0,4096}")
#: They frame the message, speak to proxies, or carry what belongs to the worker.
_DENIED = frozenset(
    {
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade",
        "expect", "proxy-authorization", "proxy-authenticate", "proxy-connection", "authorization", "cookie",
        "accept-encoding", "user-agent", "forwarded", "via",
    }
)  # fmt: skip
_DENIED_PREFIXES = ("webhook-", "x-forwarded-")


class HeaderRefused(Exception):
    """A header that a job must not send."""


def checked_headers(given: Mapping[str, str], content_type: str | None) -> dict[str, str]:
    """All headers to send, with names in lower case; raises HeaderRefused, which never quotes a value."""
    headers = {"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "identity"}
    if content_type is not None:
        headers["content-type"] = content_type
    for name, value in given.items():
        lower = name.lower()
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise HeaderRefused(f"Invalid header {name[:128]!r}.")
        if lower in _DENIED or lower.startswith(_DENIED_PREFIXES):
            raise HeaderRefused(f"A job cannot set the header {name!r}.")
        headers[lower] = value
    return headers


def sign(secret: str, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Headers of Standard Webhooks 1.0.0; the id is the same over all attempts. Raises ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ValueError("TRIAGE_HTTP_SIGNING_SECRET must be whsec_ followed by base64") from None
    digest = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def retry_after(text: str, now: float) -> float | None:
    """Seconds to wait, from a Retry-After in seconds or as a date; None if it is neither."""
    text = text.strip()
    if re.fullmatch("[0-9]{1,9}", text):
        return min(float(text), MAX_WAIT)
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - now, 0.0), MAX_WAIT)
    except (ValueError, OverflowError):
        return None
