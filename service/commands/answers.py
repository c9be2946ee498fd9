"""Reads responses for the command line. They may come from a proxy, or from an unrelated server."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import httpx
import orjson

#: Statuses of answers after which the same request may succeed later.
LATER = (429, 502, 503, 504)
#: What commands read of a job; what an answer lacks of it did not come from Triage.
JOB = ("id", "name", "state", "state_reason", "version", "result", "error", "progress")
#: The same of a flow, a fan-out or a bulk action.
GROUP = ("id", "state", "version", "counts")
PAGE = ("items", "next_cursor")


class Refused(Exception):
    """A failed request. `code` is the problem's; without a response (`status` 0), it names the failure."""

    def __init__(self, status: int, code: str, message: str, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(printable(message))
        self.status, self.code, self.rows = status, code, rows

    @property
    def lines(self) -> str:
        """For people: one line, and one more for each thing that is wrong with the request."""
        rows = [
            f"  {printable(str(row.get('pointer')))}: {printable(str(row.get('message')))}"
            for row in self.rows
        ]
        return "\n".join([f"triage: {self}", *rows]) + "\n"


def printable(text: str) -> str:
    """In one line, without terminal control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def document_of(answer: httpx.Response, needs: Sequence[str] = ()) -> Any:
    """The JSON object of a successful response, with the required members; None without a body.

    Raises Refused.
    """
    if answer.status_code == 304 or answer.status_code == 204:
        return None
    found = _read(answer)
    if answer.status_code >= 300:
        raise _refusal(answer, found)
    if not isinstance(found, dict) or not all(name in found for name in needs):
        raise _not_triage(answer)
    return cast("dict[str, Any]", found)


def text_of(answer: httpx.Response, media_type: str) -> str:
    """The text of a successful response. Raises Refused."""
    if answer.status_code >= 300:
        raise _refusal(answer, _read(answer))
    if not answer.headers.get("content-type", "").startswith(media_type):
        raise _not_triage(answer)
    return answer.text


def rows_of(page: Mapping[str, Any], answer_of: str, needs: Sequence[str]) -> list[dict[str, Any]]:
    """The items of a page, each with the members that it needs. Raises Refused."""
    rows: Any = page["items"]
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and all(name in row for name in needs) for row in cast("list[Any]", rows)
    ):
        raise Refused(200, "not_triage", f"{answer_of} is not Triage: its list has unexpected rows")
    return cast("list[dict[str, Any]]", rows)


def _read(answer: httpx.Response) -> Any:
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return None


def _refusal(answer: httpx.Response, found: Any) -> Refused:
    status = answer.status_code
    match found:
        case {"code": str(code), "detail": str(detail)}:
            given: Any = found.get("errors")
            rows = (
                [row for row in cast("list[Any]", given) if isinstance(row, dict)]
                if isinstance(given, list)
                else []
            )
            return Refused(status, code, f"{status} {code}: {detail}", rows)
        case _:
            pass
    said = f"{_address(answer)} responded {status} {answer.reason_phrase}".rstrip()
    if status < 400:
        target = answer.headers.get("location")
        return Refused(
            status, f"http_{status}", f"{said}{f' to {target}' if target else ''}; redirects are not followed"
        )
    return Refused(
        status,
        f"http_{status}",
        f"{said} with {_kind(answer)}, which is not from Triage; a proxy may have responded",
    )


def _not_triage(answer: httpx.Response) -> Refused:
    message = f"{_address(answer)} is not Triage: it responded {answer.status_code} with {_kind(answer)}"
    return Refused(answer.status_code, "not_triage", message)


def _kind(answer: httpx.Response) -> str:
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
    if not answer.content:
        return "no body"
    return "other JSON" if media_type.endswith("json") else media_type or "a body without a content type"


def _address(answer: httpx.Response) -> str:
    # Without the query, which may hold what somebody looks for.
    return str(answer.url.copy_with(query=None, userinfo=b""))
