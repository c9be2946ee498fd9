"""The TypeScript client: its types hold, and a program on it calls every operation of a live API."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.api.document import DOCUMENT
from tests.clients.test_completeness import LEFT_OUT
from tests.e2e.processes import ROOT
from tests.sdks.tooling import Tooling

CLIENT = ROOT / "clients/typescript"

pytestmark = pytest.mark.timeout(300)


def test_a_program_on_the_typescript_client_calls_every_operation(
    tmp_path: Path, tooling: Tooling, client: dict[str, str]
) -> None:
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(CLIENT / name, tmp_path)
    shutil.copytree(CLIENT / "src", tmp_path / "src")
    shutil.copy(ROOT / "tests/sdks/tours/client_tour.ts", tmp_path / "src")
    tooling.run("tsc -p .", tmp_path)
    printed = tooling.run("node dist/client_tour.js", tmp_path, client)
    called = {re.sub(r"{\w*}", "{}", call) for call in json.loads(printed.splitlines()[-1])}
    operations = {
        f"{method.upper()} {re.sub(r'{[a-z_]+}', '{}', path)}": operation["operationId"]
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }
    assert {id for call, id in operations.items() if call not in called} <= set(LEFT_OUT)
