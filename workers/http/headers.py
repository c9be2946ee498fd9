"""Headers of `http.request`: which a job may send, the signature, and Retry-After."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

USER_AGENT = "Triage/1"
#: The longest accepted Retry-After, in seconds; anything longer is probably a mistake.
MAX_WAIT = 86_400.0

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_VALUE = re.compile(r"[\t\x20-\x7e]{0,4096}")
#: Headers for framing, for proxies, or under the worker's control.
_DENIED = frozenset(
    {
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade",
        "expect", "proxy-authorization", "proxy-authenticate", "proxy-connection", "authorization", "cookie",
        "accept-encoding", "user-agent", "forwarded", "via",
    }
)  # fmt: skip
_DENIED_PREFIXES = ("webhook-", "x-forwarded-")


class HeaderRefused(Exception):
    """The job has a header that it must not send."""


def checked_headers(given: Mapping[str, str], content_type: str | None) -> dict[str, str]:
    """The headers to send, with lower-case names; raises HeaderRefused, which never quotes a value."""
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
    """The headers of Standard Webhooks 1.0.0, with the same id for all attempts. Raises ValueError."""
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
    """The seconds of a Retry-After in seconds or with a date; None if it is neither."""
    text = text.strip()
    if re.fullmatch("[0-9]{1,9}", text):
        return min(float(text), MAX_WAIT)
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - now, 0.0), MAX_WAIT)
    except (ValueError, OverflowError):
        return None
