"""Clients generated as docs/how-to/use-an-sdk.md says, compiled, and used against a live API and worker."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT
from tests.sdks.tooling import Tooling, block, command, section

TOURS = Path(__file__).parent / "tours"
PAGE = (ROOT / "docs/how-to/use-an-sdk.md").read_text()
PYTHON, TYPESCRIPT, OTHERS = (section(PAGE, title) for title in ("Python", "TypeScript", "Other languages"))

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's project that contains nothing but the document."""
    (tmp_path / "openapi").mkdir()
    shutil.copy(ROOT / "openapi/openapi.json", tmp_path / "openapi")
    return tmp_path


def test_the_python_client_runs_the_ten_lines_of_the_docs_and_the_tour(
    project: Path, tooling: Tooling, client: dict[str, str]
) -> None:
    printed = tooling.run(command(PYTHON, "openapi-python-client generate"), project)
    assert "Warning" not in printed, printed
    (project / "first_job.py").write_text(block(PYTHON, "python"))
    shutil.copy(TOURS / "tour.py", project)
    python = tooling.directory / "venv/bin/python"
    # The generator's own client.py is not ours to check, but the code it makes from the document is.
    checked = "first_job.py tour.py triage_sdk/models triage_sdk/api"
    tooling.run(f"{sys.executable} -m pyright --pythonpath {python} --level error {checked}", project)
    assert (
        tooling.run(command(PYTHON, "python first_job.py"), project, client)
        == "succeeded {'alerted': 'u-1'}\n"
    )
    assert tooling.run("python tour.py", project, client).endswith("steps passed\n")


def test_the_typescript_client_runs_the_ten_lines_of_the_docs_and_the_tour(
    project: Path, tooling: Tooling, client: dict[str, str]
) -> None:
    (project / "node_modules").symlink_to(tooling.directory / "node_modules")
    tooling.run(command(TYPESCRIPT, "npx openapi-ts"), project)
    (project / "first-job.ts").write_text(block(TYPESCRIPT, "typescript"))
    shutil.copy(TOURS / "tour.ts", project)
    tooling.run(command(TYPESCRIPT, "npx tsc") + " tour.ts", project)
    assert (
        tooling.run(command(TYPESCRIPT, "node out/first-job.js"), project, client)
        == "succeeded { alerted: 'u-1' }\n"
    )
    assert tooling.run("node out/tour.js", project, client).endswith("steps passed\n")


def test_the_client_of_openapi_generator_runs_the_ten_lines_of_the_docs_and_the_tour(
    project: Path, tooling: Tooling, client: dict[str, str]
) -> None:
    tooling.run(command(OTHERS, "openapi-generator-cli generate"), project)
    (project / "first_job.py").write_text(block(OTHERS, "python"))
    assert (
        tooling.run(command(OTHERS, "python first_job.py"), project, client)
        == "succeeded {'alerted': 'u-1'}\n"
    )
    shutil.copy(TOURS / "tour_openapi_generator.py", project)
    assert tooling.run("python tour_openapi_generator.py", project, client).endswith("steps passed\n")
