"""Groups errors by cause: job type, error type, the fixed part of the message, the function that raised."""

import re
from hashlib import sha256

from service.domain.outcome import Failure

#: Hexadecimal digits of a fingerprint.
LENGTH = 16
#: The group of all causes beyond the limit of groups.
OTHER = "0" * LENGTH
#: The most characters of a message that count, and that a group shows.
MESSAGE = 200

_VARYING = (
    re.compile(r"\S+@\S+"),
    # Words with a digit: numbers, ids, times, addresses, and hexadecimal digits in groups.
    re.compile(r"[\w./:+-]*\d[\w./:+-]*"),
)
_FRAME = re.compile(r'^ +File "(?:[^"]*[/\\])?([^"]+)", line \d+, in (.+)$', re.MULTILINE)


def normalized(message: str) -> str:
    """The first line of a message, with a # for each part that may differ from job to job."""
    first = message.strip().partition("\n")[0][: 2 * MESSAGE]
    for varying in _VARYING:
        first = varying.sub("#", first)
    return " ".join(first.split())[:MESSAGE]


def fingerprint(job_type: str, failure: Failure) -> str:
    """The same for failures with the same cause, as far as their texts tell."""
    frames = _FRAME.findall(failure.traceback)
    parts = (
        job_type.replace("_", "-"),
        failure.type,
        normalized(failure.message),
        *(frames[-1] if frames else ()),
    )
    return sha256("\0".join(parts).encode()).hexdigest()[:LENGTH]
