"""Headers of `http.request`: which a job may send, the signature, and Retry-After."""

import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from standardwebhooks.webhooks import Webhook

USER_AGENT = "Triage/1"
#: The longest accepted Retry-After, in seconds; anything longer is probably a mistake.
MAX_WAIT = 86_400.0

_SECRET = re.compile(r"(whsec_)?[A-Za-z0-9+/]+={0,2}")
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


def sign(secrets: Sequence[str], id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0.0: a signature per secret, and the same id for all attempts.

    Raises ValueError for a secret that is not whsec_ followed by base64.
    """
    at = datetime.fromtimestamp(timestamp, UTC)
    signatures = [_signer(secret).sign(id, at, body.decode()) for secret in secrets]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def _signer(secret: str) -> Webhook:
    # The library ignores characters that are not base64, and so would sign with another key.
    if not _SECRET.fullmatch(secret):
        raise ValueError("a signing secret must be whsec_ followed by base64")
    try:
        return Webhook(secret)
    except binascii.Error:
        raise ValueError("a signing secret must be whsec_ followed by base64") from None


def retry_after(text: str, now: float) -> float | None:
    """The seconds of a Retry-After in seconds or with a date; None if it is neither."""
    text = text.strip()
    if re.fullmatch("[0-9]{1,9}", text):
        return min(float(text), MAX_WAIT)
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - now, 0.0), MAX_WAIT)
    except (ValueError, OverflowError):
        return None
