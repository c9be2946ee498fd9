"""Schemathesis, in all its phases, against a live API."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT, Cluster
from tests.fuzz.budget import LONG_SECONDS, SLOWEST_SECONDS

pytestmark = pytest.mark.timeout(600 + LONG_SECONDS)


def test_no_request_gets_a_response_that_the_document_does_not_know(cluster: Cluster, tmp_path: Path) -> None:
    """No 5xx, no undocumented status, header or shape, no late response; invalid requests are refused."""
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "--config-file",
        str(ROOT / "tests/fuzz/schemathesis.toml"),
        "run",
    ]
    command += [str(ROOT / "openapi/openapi.json"), "--url", str(cluster.http.base_url), "--no-color"]
    command += ["--header", f"Authorization: {cluster.http.headers['Authorization']}"]
    command += ["--max-response-time", str(SLOWEST_SECONDS)]
    if LONG_SECONDS:
        # Fuzzing and stateful testing repeat until the time has passed.
        seed = os.environ.get("FUZZ_SEED", str(os.getpid()))
        command += ["--max-time", str(LONG_SECONDS), "--seed", seed]
    else:
        # The same requests in each run.
        command += ["--max-examples", "3", "--generation-deterministic", "--seed", "1"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}\n{cluster.logs()}"
