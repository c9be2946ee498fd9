"""The programs of docs/how-to/use-the-client.md run against a live API and worker."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from tests.e2e.processes import ROOT
from tests.sdks.tooling import block, section

PAGE = (ROOT / "docs/how-to/use-the-client.md").read_text()
FIRST, *SECTIONS = re.findall(r"^```python\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.timeout(300)


def run(program: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(program, "use-the-client.md", "exec"), names)
    if "triage" in names:
        names["triage"].close()
    return names


@pytest.fixture(autouse=True)
def environment(client: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in client.items():
        monkeypatch.setenv(name, value)


def test_the_first_program_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    run(FIRST)
    printed = capsys.readouterr().out.strip()
    assert printed == "{'alerted': 'u-1'}"
    assert f"prints `{printed}`" in PAGE


def test_the_other_programs_run(capsys: pytest.CaptureFixture[str]) -> None:
    programs = [program for program in SECTIONS if "triage = Triage()" in program and "django" not in program]
    assert len(programs) == 6
    for program in programs:
        run(program)
    printed = capsys.readouterr().out
    assert "exhausted" in printed
    assert "500 500" in printed
    assert "succeeded {'tax_cents': 8113}" in printed


def test_the_fastapi_dependency_submits_a_job() -> None:
    names = run(block(section(PAGE, "FastAPI"), "python"))
    app = names["app"]

    async def post() -> Any:
        browser = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app")
        async with names["lifespan"](app), browser as http:
            response = await http.post("/alerts/u-9")
            assert response.status_code == 202
            return await app.state.triage.job(response.json()["job_id"]).result(timeout=20)

    assert asyncio.run(post()) == {"alerted": "u-9"}


def test_the_pool_replaces_the_one_of_arq() -> None:
    names = run(block(section(PAGE, "arq"), "python"))

    async def enqueue() -> list[Any]:
        async with await names["create_pool"]() as pool:
            first = await pool.enqueue_job("send-alert", user_id="u-7", _job_id="mine", _defer_by=60)
            second = await pool.enqueue_job("send-alert", user_id="u-7", _job_id="mine")
            return [(await first.run_now()).id == first.id, await first.result(20), second]

    assert asyncio.run(enqueue()) == [True, {"alerted": "u-7"}, None]
