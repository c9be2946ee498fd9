"""Reads responses for the command line. They may come from a proxy, or from an unrelated server."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import httpx
import orjson

#: Statuses after which the same request may succeed later.
LATER = (429, 502, 503, 504)
#: The members of a job that commands read; a response without them is not from Triage.
JOB = ("id", "name", "state", "state_reason", "version", "result", "error", "progress")
#: The same for a flow, a fan-out or a bulk action.
GROUP = ("id", "state", "version", "counts")
PAGE = ("items", "next_cursor")


class Refused(Exception):
    """A failed request. `code` is the problem's; without a response (`status` 0), it names the failure."""

    def __init__(self, status: int, code: str, message: str, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(printable(message))
        self.status, self.code, self.rows = status, code, rows

    @property
    def lines(self) -> str:
        """For people: one line, and one more for each error in the request."""
        rows = [
            f"  {printable(str(row.get('pointer')))}: {printable(str(row.get('message')))}"
            for row in self.rows
        ]
        return "\n".join([f"triage: {self}", *rows]) + "\n"


def printable(text: str) -> str:
    """The text in one line, without terminal control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def document_of(response: httpx.Response, needs: Sequence[str] = ()) -> Any:
    """The JSON object of a successful response, with the required members; None without a body.

    Raises Refused.
    """
    if response.status_code == 304 or response.status_code == 204:
        return None
    found = _read(response)
    if response.status_code >= 300:
        raise _refusal(response, found)
    if not isinstance(found, dict) or not all(name in found for name in needs):
        raise _not_triage(response)
    return cast("dict[str, Any]", found)


def text_of(response: httpx.Response, media_type: str) -> str:
    """The text of a successful response. Raises Refused."""
    if response.status_code >= 300:
        raise _refusal(response, _read(response))
    if not response.headers.get("content-type", "").startswith(media_type):
        raise _not_triage(response)
    return response.text


def rows_of(page: Mapping[str, Any], source: str, needs: Sequence[str]) -> list[dict[str, Any]]:
    """The items of a page, each with the members that it needs. Raises Refused."""
    rows: Any = page["items"]
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and all(name in row for name in needs) for row in cast("list[Any]", rows)
    ):
        raise Refused(200, "not_triage", f"{source} is not Triage: its list has unexpected rows")
    return cast("list[dict[str, Any]]", rows)


def _read(response: httpx.Response) -> Any:
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None


def _refusal(response: httpx.Response, found: Any) -> Refused:
    status = response.status_code
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
    said = f"{_address(response)} responded {status} {response.reason_phrase}".rstrip()
    if status < 400:
        target = response.headers.get("location")
        return Refused(
            status, f"http_{status}", f"{said}{f' to {target}' if target else ''}; redirects are not followed"
        )
    return Refused(
        status,
        f"http_{status}",
        f"{said} with {_kind(response)}, which is not from Triage; a proxy may have responded",
    )


def _not_triage(response: httpx.Response) -> Refused:
    message = (
        f"{_address(response)} is not Triage: it responded {response.status_code} with {_kind(response)}"
    )
    return Refused(response.status_code, "not_triage", message)


def _kind(response: httpx.Response) -> str:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip()
    if not response.content:
        return "no body"
    return "other JSON" if media_type.endswith("json") else media_type or "a body without a content type"


def _address(response: httpx.Response) -> str:
    # Without the query, which may contain private filters.
    return str(response.url.copy_with(query=None, userinfo=b""))
