"""Clients generated as docs/sdks.md says it, compiled, and used against a live API and worker."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT
from tests.sdks.tooling import Tooling, block, command

TOURS = Path(__file__).parent / "tours"
PAGE = (ROOT / "docs/sdks.md").read_text()

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project that has the document and nothing else."""
    (tmp_path / "openapi").mkdir()
    shutil.copy(ROOT / "openapi/openapi.json", tmp_path / "openapi")
    return tmp_path


def test_the_python_client_runs_the_ten_lines_of_the_docs_and_the_tour(
    project: Path, tooling: Tooling, client: dict[str, str]
) -> None:
    printed = tooling.run(command(PAGE, "openapi-python-client generate"), project)
    assert "Warning" not in printed, printed
    (project / "first_job.py").write_text(block(PAGE, "python"))
    shutil.copy(TOURS / "tour.py", project)
    python = tooling.directory / "venv/bin/python"
    # The generator's own client.py is not ours to check; what it made of the document is.
    checked = "first_job.py tour.py triage_client/models triage_client/api"
    tooling.run(f"{sys.executable} -m pyright --pythonpath {python} --level error {checked}", project)
    assert (
        tooling.run(command(PAGE, "python first_job.py"), project, client) == "succeeded {'alerted': 'u-1'}\n"
    )
    assert tooling.run("python tour.py", project, client).endswith("steps passed\n")


def test_the_typescript_client_runs_the_ten_lines_of_the_docs_and_the_tour(
    project: Path, tooling: Tooling, client: dict[str, str]
) -> None:
    (project / "node_modules").symlink_to(tooling.directory / "node_modules")
    tooling.run(command(PAGE, "npx openapi-ts"), project)
    (project / "first-job.ts").write_text(block(PAGE, "typescript"))
    shutil.copy(TOURS / "tour.ts", project)
    tooling.run(command(PAGE, "npx tsc") + " tour.ts", project)
    assert (
        tooling.run(command(PAGE, "node out/first-job.js"), project, client)
        == "succeeded { alerted: 'u-1' }\n"
    )
    assert tooling.run("node out/tour.js", project, client).endswith("steps passed\n")
