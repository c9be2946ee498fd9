"""Log and error texts that quote a secret: redacted in any spelling, even where the text was cut."""

import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import httpx
import orjson
import pytest

from service.api.responses.redaction import HIDDEN, View
from service.domain.job import Job
from service.domain.retry import RetryPolicy
from service.domain.states import State
from workers.calls.failures import printable
from workers.handling.context import MAX_LINE, log_line


def said_of(secret: str, words: str) -> str:
    """A log line of a job with this secret, as a reader sees it."""
    payload = orjson.dumps({"secret": secret})
    job = Job("job_1", 1, "work", "default", State.DEAD, 0, payload, 0, 0, RetryPolicy(), 0, 0)
    return View.of_job(job, True, ("/secret",)).text(words)


AWKWARD = "Müller \"x\"\r\n\\ 'y' &=/"


@pytest.mark.parametrize(
    "written",
    [
        str,
        repr,
        ascii,
        json.dumps,
        lambda text: orjson.dumps(text).decode(),
        lambda text: repr(text.encode()),
        quote,
        quote_plus,
        lambda text: quote(text, safe=""),
        lambda text: str({"card": text}),
        lambda text: str(httpx.URL("https://x.example/y", params={"card": text})),
    ],
)
def test_a_secret_is_found_however_a_handler_writes_it(written: Callable[[str], str]) -> None:
    line = orjson.loads(log_line(f"refused: {written(AWKWARD)}!"))["message"]
    assert "ller" in line
    shown = said_of(AWKWARD, line)
    assert "ller" not in shown
    assert shown.startswith("refused: ")
    assert shown.endswith("!")


SECRET = "4111-2222-3333-4444"


@pytest.mark.parametrize("kept", range(3, len(SECRET) + 1))
def test_a_secret_cut_off_at_the_size_limit_is_hidden(kept: int) -> None:
    line = orjson.loads(log_line("x" * (MAX_LINE - 3 - kept) + SECRET + "and more"))["message"]
    assert line.endswith(SECRET[:kept] + "…")
    assert said_of(SECRET, line) == "x" * (MAX_LINE - 3 - kept) + HIDDEN + "…"
    end = printable("and more" + SECRET + "x" * (MAX_LINE - 3 - kept), MAX_LINE, keep_end=True)
    assert end.startswith("…" + SECRET[-kept:] + "x")
    assert said_of(SECRET, end) == "…" + HIDDEN + "x" * (MAX_LINE - 3 - kept)


@pytest.mark.parametrize("line", ["of the 41", "of the 41…", "4114…", "…44", "…x444x4444 is it", "…"])
def test_words_outside_the_secret_stay(line: str) -> None:
    assert said_of(SECRET, line) == line
