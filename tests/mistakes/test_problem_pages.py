"""The `type` of each problem is the URL of a page that says what it means and what to do."""

import re

import pytest
import yaml

from service.api.responses import problem_pages
from service.api.responses.problem_pages import POLICY
from service.api.responses.problems import CODES, problem
from tests.api.client import Api
from tests.api.client import problem as checked
from tools.generate import ROOT


def test_every_code_has_a_text_with_advice() -> None:
    texts = yaml.safe_load((ROOT / "service/api/responses/problems.yaml").read_text())
    # A new code needs an entry in that file.
    assert CODES - set(texts) == set()
    assert [code for code, text in texts.items() if not text["do"]] == []
    # YAML reads an unquoted `a: b` as a mapping.
    assert [row for text in texts.values() for row in text["do"] if not isinstance(row, str)] == []
    assert [code for code, page in problem_pages.problem_pages().items() if not page.advice] == []


async def test_the_url_of_each_type_is_a_page(api: Api) -> None:
    for code in sorted(CODES):
        url = problem(400, code, "", "/", None)["type"]
        page = await api.http.get(url, headers={"Accept": "text/html,*/*"})
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["content-security-policy"] == POLICY
        assert f"<h1>{code}</h1>" in page.text
        assert "<script" not in page.text
        text = await api.http.get(url)
        assert text.headers["content-type"].startswith("text/markdown")
        assert text.text.startswith(f"# {code}\n")


async def test_the_pages_are_open_listed_and_cached(api: Api) -> None:
    index = await api.http.get("/problems")
    assert {*re.findall(r"href='/problems/([a-z_]+)'", index.text)} == CODES
    again = await api.http.get("/problems", headers={"If-None-Match": index.headers["etag"]})
    assert again.status_code == 304
    assert (await api.http.head("/problems/not_found")).status_code == 200
    checked(await api.http.get("/problems/nothing"), 404, "not_found")


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("json_invalid", "400 Bad Request"),
        ("backend_unavailable", "503 Service Unavailable; retryable"),
        ("too_many_waiters", "429 Too Many Requests or 503 Service Unavailable; retryable"),
        ("internal_error", "500 Internal Server Error"),
    ],
)
def test_a_page_has_the_status_and_whether_a_retry_helps(code: str, facts: str) -> None:
    assert problem_pages.problem_pages()[code].facts == facts


def test_a_code_without_a_text_has_the_message_of_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problem_pages.yaml, "safe_load", lambda text: {})
    problem_pages.problem_pages.cache_clear()
    page = problem_pages.problem_pages()["cursor_invalid"]
    problem_pages.problem_pages.cache_clear()
    assert page.means == "Invalid cursor: use the next_cursor of a page of this list."
