"""A live API keeps what the document promises, whatever it is sent."""

import shlex
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT
from tests.sdks.tooling import Tooling

pytestmark = pytest.mark.timeout(600)


def test_no_request_gets_an_answer_that_the_document_does_not_know(
    tooling: Tooling, client: dict[str, str], tmp_path: Path
) -> None:
    """No 5xx, no undocumented status, header or shape; nothing invalid is taken; no method is hidden."""
    settings = ROOT / "tests/sdks/schemathesis.toml"
    header = shlex.quote(f"Authorization: Bearer {client['TRIAGE_API_KEY']}")
    command = f"{sys.executable} -m schemathesis.cli --config-file {settings} run {ROOT}/openapi/openapi.json"
    tooling.run(f"{command} --url {client['TRIAGE_URL']} --header {header} --no-color", tmp_path)
