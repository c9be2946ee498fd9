"""Redacts the data of jobs: every payload, result, error, log line and progress passes through here."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast
from urllib.parse import quote, quote_plus

import orjson

from service.domain.job import Job
from service.domain.record import record
from service.domain.redaction import ANY, parse_pointer
from service.domain.texts import CUT, without_controls

HIDDEN = "[redacted]"
#: The least characters of a secret: shorter values occur in any text.
MIN_SECRET = 3

Part = str | int


def redact(document: Any, pointers: Sequence[str]) -> Any:
    """Replace every value that a JSON pointer matches, in place; returns the document."""
    for pointer in pointers:
        for holder, key in _places(document, _parts(pointer)):
            holder[key] = HIDDEN
    return document


def secrets_of(document: Any, pointers: Sequence[str]) -> set[str]:
    """The values that the pointers match, in every spelling in which a handler's texts could quote them."""
    found: set[str] = set()
    for pointer in pointers:
        for holder, key in _places(document, _parts(pointer)):
            for scalar in _scalars(holder[key]):
                text = str(scalar)
                if len(text) >= MIN_SECRET:
                    found |= _spellings(text)
    return found


def _spellings(text: str) -> set[str]:
    """The text, and how Python, JSON and URLs write it."""
    python = {repr(text)[1:-1], ascii(text)[1:-1], repr(text.encode())[2:-1]}
    written_json = {orjson.dumps(text).decode()[1:-1], json.dumps(text)[1:-1]}
    return {
        text,
        without_controls(text),
        *python,
        *written_json,
        quote(text),
        quote(text, safe=""),
        quote_plus(text),
    }


@record
class View:
    """A caller's view of a job.

    `pointers` are None while no worker has published the job type: then its data is hidden from all callers.
    `secrets` are the redacted values, which must not appear in the handler's texts; None if they are not
    known here: then all texts of a type that redacts anything are hidden.
    """

    allowed: bool
    pointers: Sequence[str] | None
    secrets: tuple[str, ...] | None = None
    #: Whether an earlier run had a different payload, whose secrets are no longer known.
    payload_replaced: bool = False

    @classmethod
    def of_job(cls, job: Job, allowed: bool, pointers: Sequence[str] | None) -> "View":
        if not allowed or not pointers or not {"payload", "result"}.isdisjoint(job.truncated):
            return cls(allowed, pointers)
        found: set[str] = set()
        for text in (job.payload, job.result):
            if text is not None:
                found |= secrets_of(orjson.loads(text), pointers)
        # The longest first, since one secret may contain another.
        longest_first = tuple(sorted(found, key=len, reverse=True))
        return cls(allowed, pointers, longest_first, job.payload_replaced)

    @property
    def visible(self) -> bool:
        return self.allowed and self.pointers is not None

    @property
    def _texts_as_they_are(self) -> bool:
        return self.visible and not self.pointers

    def value(self, text: bytes | None) -> Any:
        """A payload or a result, from its JSON text."""
        if not text or not self.visible:
            return None
        return redact(orjson.loads(text), self.pointers) if self.pointers else orjson.Fragment(text)

    def document(self, value: Any) -> Any:
        """The same for a parsed value, in place."""
        return redact(value, self.pointers or ()) if self.visible else None

    def text(self, text: str) -> str:
        """A text from any run of the job: an attempt's error, a log line."""
        return HIDDEN if self.payload_replaced and not self._texts_as_they_are else self._latest(text)

    def _latest(self, text: str) -> str:
        """A text from the last run."""
        if self._texts_as_they_are:
            return text
        if not self.visible or self.secrets is None:
            return HIDDEN
        for secret in self.secrets:
            text = text.replace(secret, HIDDEN)
        return _without_parts(text, self.secrets)

    def error(self, text: bytes | None) -> Any:
        return self._with_message(text)

    def progress(self, text: bytes | None) -> Any:
        return self._with_message(text)

    def attempt(self, document: Mapping[str, Any]) -> dict[str, Any]:
        words = {name: self.text(document[name]) for name in ("message", "traceback") if name in document}
        return {**document, **words}

    def _with_message(self, text: bytes | None) -> Any:
        if text is None or self._texts_as_they_are:
            return None if text is None else orjson.Fragment(text)
        document = orjson.loads(text)
        if document.get("message") is not None:
            document["message"] = self._latest(document["message"])
        return document


def _without_parts(text: str, secrets: Sequence[str]) -> str:
    """Hide the rest of a secret at which the text was truncated."""
    if text.endswith(CUT):
        text = _without_part(text.removesuffix(CUT), secrets) + CUT
    if text.startswith(CUT):
        turned = _without_part(text[: len(CUT) - 1 : -1], [secret[::-1] for secret in secrets], HIDDEN[::-1])
        text = CUT + turned[::-1]
    return text


def _without_part(text: str, secrets: Sequence[str], hidden: str = HIDDEN) -> str:
    at = min((_begins_at(text, secret) for secret in secrets), default=len(text))
    return text if at == len(text) else text[:at] + hidden


def _begins_at(text: str, secret: str) -> int:
    """Where a secret begins that the end of the text truncates; the text's length if there is none."""
    start = secret[:MIN_SECRET]
    at = text.find(start, max(0, len(text) - len(secret) + 1))
    while at >= 0 and not secret.startswith(text[at:]):
        at = text.find(start, at + 1)
    return at if at >= 0 else len(text)


@lru_cache(maxsize=1024)
def _parts(pointer: str) -> tuple[str, ...]:
    return parse_pointer(pointer)


def _places(document: Any, parts: Sequence[str]) -> Iterator[tuple[Any, Part]]:
    """Every container and key in the document that the pointer matches."""
    if not parts:
        return
    for key in _keys(document, parts[0]):
        if len(parts) == 1:
            yield document, key
        else:
            yield from _places(document[key], parts[1:])


def _keys(value: Any, part: str) -> list[Part]:
    if isinstance(value, dict):
        members = cast(dict[str, Any], value)
        if part == ANY:
            return list(members)
        return [part] if part in members else []
    if isinstance(value, list):
        items = cast(list[Any], value)
        if part == ANY:
            return list(range(len(items)))
        return [int(part)] if part.isdecimal() and int(part) < len(items) else []
    return []


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for member in cast(dict[str, Any], value).values():
            yield from _scalars(member)
    elif isinstance(value, list):
        for item in cast(list[Any], value):
            yield from _scalars(item)
    elif value is not None and not isinstance(value, bool):
        yield value
