"""Every call in the runbook is an operation of the API, with parameters that it has."""

import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.api.document import DOCUMENT

TEXT = (Path(__file__).resolve().parents[2] / "docs/runbook.md").read_text()
#: `ask ... "$TRIAGE_URL/path"`, which may be split over two lines.
CALLS = re.findall(r'ask((?:[^`"]|"(?!\$TRIAGE_URL))*?)"\$TRIAGE_URL(/[^"]*)"', TEXT)


@pytest.mark.parametrize(("options", "target"), CALLS, ids=[target for _, target in CALLS])
def test_a_call_is_an_operation_of_the_api(options: str, target: str) -> None:
    method = re.search(r"-X (\w+)", options)
    parts = urlsplit(target)
    path = re.sub(r"(?<=/v1/queues/)NAME", "{name}", re.sub(r"(?<=/v1/jobs/)ID", "{job_id}", parts.path))
    path = re.sub(r"(?<=/v1/webhooks/)(ID|callbacks)", "{webhook_id}", path)

    operation = DOCUMENT["paths"][path][(method[1] if method else "GET").lower()]

    known = {parameter["name"] for parameter in operation.get("parameters", [])}
    assert {name for name, _ in parse_qsl(parts.query)} <= known


def test_the_runbook_has_calls_to_check() -> None:
    assert len(CALLS) > 10
