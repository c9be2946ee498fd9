"""All 51 mistakes of the list have their test: in this folder, or in the one that tests their subject."""

import re
from pathlib import Path

from tests.mistakes.requests import REQUESTS

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]

#: The tests elsewhere that assert what the message of a mistake names.
ELSEWHERE = {
    "unknown job type": "test_an_unknown_job_type_is_a_warning_and_in_development_an_error",
    "maxmemory-policy": "test_a_probe_names_the_problem_and_the_log_has_the_details",
    "second `dev` in a folder": "test_two_servers_cannot_share_a_data_directory",
    "CLI: API down": "test_an_invalid_or_closed_address",
    "CLI: URL without scheme, with /v1": "test_an_invalid_or_closed_address",
    "CLI: worker's port, proxy page": "test_a_server_that_is_not_triage_is_reported_in_one_sentence",
    "`keys create` bad namespace, no scopes": "test_an_invalid_namespace_is_refused",
}
OF_REQUESTS = """
    typo in a field; typo in a payload field; wrong type; text for a number in payload;
    typo in a query parameter; bad state in a query; tag without colon; cycle; unknown dependency;
    wrong `when`; node without `job:`; cron; zone `Berlin`; cron and every, neither; `run_at` without zone;
    no Content-Type; single quotes as JSON; no body; trailing slash, wrong path; payload too large;
    no or bad key; missing scope; key reused with another body; cancel, retry, patch of an ended job;
    purge without confirm; unknown queue (GET, purge); `dlq retry` without filter
"""
#: In the docstrings and tables of the other modules here.
HERE = """
    Redis hangs; wrong TRIAGE_ variable; TRIAGE_PORT=abc, =99999, bad level, auth; malformed Redis URL;
    wrong password, away, bad host; port in use; handler module: syntax; module in the current folder;
    handler without ctx, @job / plain; duplicate names; unknown @job option; parameter of an odd class;
    result not JSON; child in a wrong form; `ctx["redis"]` in a process;
    coroutine `ctx.log` without await; `executor="process"` on async def
"""


def _titles(text: str) -> set[str]:
    return {" ".join(title.split()) for title in text.split(";")}


def test_all_51_mistakes_have_a_test() -> None:
    assert _titles(OF_REQUESTS) == {mistake.title for mistake in REQUESTS}
    others = [FOLDER / "test_startup.py", FOLDER / "test_handlers.py"]
    text = "\n".join(path.read_text() for path in others)
    assert [title for title in _titles(HERE) if title not in text] == []
    assert len(_titles(OF_REQUESTS) | _titles(HERE) | ELSEWHERE.keys()) == 51


def test_the_tests_elsewhere_exist() -> None:
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    assert [name for name in ELSEWHERE.values() if name not in defined] == []
