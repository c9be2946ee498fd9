"""The document from a linter's point of view."""

import pytest

from tests.e2e.processes import ROOT
from tests.sdks.tooling import Tooling

pytestmark = pytest.mark.timeout(300)  # The first test of all installs the tools.


def test_redocly_finds_no_error_in_the_document(tooling: Tooling) -> None:
    tooling.run("redocly lint --config redocly.yaml openapi/openapi.json", ROOT)
