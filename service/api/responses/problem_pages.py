"""A page for each problem, at the URL in its `type`: what it means, and what to do."""

import base64
import hashlib
import html
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from service.api.responses.problems import BY_STATUS, CODES, STATUS, phrase

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem}"
    "code{font-family:ui-monospace,monospace}:root{color-scheme:light dark}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
#: Nothing but this style.
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """A problem may have several statuses, such as one for a key and one for the whole process."""

    code: str
    statuses: tuple[int, ...]
    retryable: bool
    means: str
    advice: tuple[str, ...]

    @property
    def facts(self) -> str:
        """The statuses in words."""
        titles = " or ".join(f"{status} {phrase(status)}" for status in self.statuses)
        return f"{titles or 'Any other status'}{'; retryable' if self.retryable else ''}"

    def markdown(self) -> str:
        return "\n".join(
            [f"# {self.code}", "", self.facts, "", self.means, "", *(f"* {row}" for row in self.advice)]
        )

    def html(self) -> str:
        rows = "".join(f"<li>{_marked(row)}</li>" for row in self.advice)
        body = (
            f"<p>{html.escape(self.facts)}</p><p>{_marked(self.means)}</p><h2>What to do</h2><ul>{rows}</ul>"
        )
        return _document(self.code, f"{body}<p><a href='/problems'>All problems</a></p>")


def index_html() -> str:
    """Links to all pages."""
    rows = "".join(
        f"<li><a href='/problems/{page.code}'><code>{page.code}</code></a>: {_marked(page.means)}</li>"
        for page in problem_pages().values()
    )
    return _document("Problems", f"<ul>{rows}</ul>")


@cache
def problem_pages() -> dict[str, ProblemPage]:
    """All pages by code. A code without its own text has the default message of its error."""
    texts: dict[str, Any] = yaml.safe_load((files(__package__ or "") / "problems.yaml").read_text())
    statuses: dict[str, set[int]] = {code: set() for code in sorted(CODES)}
    messages: dict[str, list[str]] = {code: [] for code in statuses}
    retryable: set[str] = set()
    for error, status in STATUS.items():
        statuses[error.code].add(status)
        messages[error.code].append(error.default_message)
        retryable |= {error.code} if error.retryable else set()
    for status, code in BY_STATUS.items():
        statuses[code].add(status)
    statuses["internal_error"].add(500)
    pages: dict[str, ProblemPage] = {}
    for code, found in statuses.items():
        text = texts.get(code, {"means": " ".join(messages[code]), "do": ()})
        pages[code] = ProblemPage(
            code, tuple(sorted(found)), code in retryable, " ".join(text["means"].split()), tuple(text["do"])
        )
    return pages


def _marked(text: str) -> str:
    """Escaped, with code between backquotes."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _document(title: str, body: str) -> str:
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style></head>"
        f"<body><h1>{title}</h1>{body}</body></html>"
    )
