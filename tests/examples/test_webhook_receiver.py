"""The receiver in docs/how-to/receive-webhooks.md accepts what Triage signs, and nothing else."""

import re
import time
from typing import Any

import httpx
import orjson
import pytest

from service.domain.webhook import new_secret
from tests.e2e.processes import ROOT
from workers.http.headers import sign

pytestmark = pytest.mark.anyio

PAGE = (ROOT / "docs/how-to/receive-webhooks.md").read_text()
BODY = orjson.dumps({"type": "job.dead", "timestamp": "...", "data": {"id": "job_1"}})


async def test_the_receiver_of_the_how_to_verifies_signatures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"<!-- receiver: tested -->\n\n```python\n(.*?)```", PAGE, re.S)
    old, new = new_secret(lambda size: b"o" * size), new_secret(lambda size: b"n" * size)
    monkeypatch.setenv("WEBHOOK_SECRET", old)
    names: dict[str, Any] = {}
    exec(compile(code, "receiver", "exec"), names)
    transport = httpx.ASGITransport(names["app"])
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
        during_rotation = sign([new, old], "del_1", int(time.time()), BODY)
        response = await http.post("/triage-events", content=BODY, headers=during_rotation)
        assert (response.status_code, capsys.readouterr().out) == (204, "del_1 job.dead job_1\n")
        for headers, body in (
            (sign([new], "del_1", int(time.time()), BODY), BODY),
            (sign([old], "del_1", int(time.time()) - 600, BODY), BODY),
            (during_rotation, BODY + b" "),
            ({}, BODY),
        ):
            response = await http.post("/triage-events", content=body, headers=headers)
            assert response.status_code == 401
