"""A user's own `service` or `workers` on the import path is a clear error, not a confusing ImportError."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from triage.shadowing import ROOT, find_shadow

pytestmark = pytest.mark.processes

SENTENCE = "{} shadows Triage's own package {!r}; rename it, or move it off the import path."
TRIAGE = str(Path(sys.executable).with_name("triage"))
ARQ = [sys.executable, "-m", "arq", "workers.main.WorkerSettings"]


def package(directory: Path, name: str) -> Path:
    """A common layout: a package with our name, and a module that we import from ours."""
    (directory / name).mkdir()
    (directory / name / "main.py").write_text("def main(): print('mine')\n")
    path = directory / name / "__init__.py"
    path.write_text("print('imported')\n")
    return path


def ended(directory: Path, *command: str, path: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRIAGE_")}
    environment |= {"PYTHONPATH": path, "TRIAGE_WORKER_PORT": "0", "TRIAGE_REDIS_URL": "unix:///nowhere"}
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", ["service", "workers"])
@pytest.mark.parametrize("command", ["api", "worker", "check", "keys"])
def test_the_command_ends_with_78_and_one_sentence(command: str, name: str, tmp_path: Path) -> None:
    mine = package(tmp_path, name)
    process = ended(tmp_path, TRIAGE, command, path=str(tmp_path))
    assert (process.returncode, process.stdout) == (78, "")
    assert process.stderr == f"triage: {SENTENCE.format(mine, name)}\n"


def test_dev_does_the_same_as_its_processes_search_the_current_directory_first(tmp_path: Path) -> None:
    mine = package(tmp_path, "workers")
    process = ended(tmp_path, TRIAGE, "dev", path="")
    assert process.returncode == 78
    assert process.stderr == f"triage: {SENTENCE.format(mine, 'workers')}\n"


def test_arqs_command_reports_a_shadowed_service(tmp_path: Path) -> None:
    mine = package(tmp_path, "service")
    process = ended(tmp_path, *ARQ, path=str(tmp_path))
    assert (process.returncode, process.stdout) == (78, "")
    assert process.stderr == f"triage: {SENTENCE.format(mine, 'service')}\n"


@pytest.mark.parametrize("line", ["from triage import job", "from triage.testing import run"])
def test_an_import_raises_an_import_error_that_says_it(line: str, tmp_path: Path) -> None:
    mine = package(tmp_path, "service")
    process = ended(tmp_path, sys.executable, "-c", line, path=f"{tmp_path}{os.pathsep}{ROOT}")
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1] == f"ImportError: {SENTENCE.format(mine, 'service')}"


def test_a_module_shadows_as_well_and_a_folder_that_is_not_a_package_does_not(tmp_path: Path) -> None:
    assert find_shadow([str(ROOT)]) is None
    (tmp_path / "workers").mkdir()
    assert find_shadow([str(tmp_path), str(ROOT)]) is None
    (tmp_path / "workers.py").touch()
    assert find_shadow([str(tmp_path), str(ROOT)]) == SENTENCE.format(tmp_path / "workers.py", "workers")
    # Our package comes first.
    assert find_shadow([str(ROOT), str(tmp_path)]) is None
    # A link to the same package is the same package.
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/service").symlink_to(ROOT / "service")
    assert find_shadow([str(tmp_path / "linked"), str(ROOT)]) is None
