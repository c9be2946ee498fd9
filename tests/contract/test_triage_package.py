"""`triage`, the package for handler authors: its names, its types, and how it is distributed."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

import triage
from triage.shadowing import ROOT
from triage.testing import run
from workers.handling.registry import Registry

EXAMPLES = ROOT / "examples/handlers.py"
#: Imports of custom-handlers that come from its own image.
ALL_EXAMPLES = [path for path in (ROOT / "examples").rglob("*.py") if path.parent.name != "custom-handlers"]
MISTAKES = Path(__file__).with_name("typed_mistakes.py")


def test_the_names_are_those_of_workers() -> None:
    for name in ("job", "NonRetryable", "RateLimited", "Retry", "RetryOptions", "Snooze"):
        assert getattr(triage, name) is getattr(importlib.import_module("workers.handler"), name)
    for name in ("End", "run", "run_twice"):
        assert getattr(importlib.import_module("triage.testing"), name) is getattr(
            importlib.import_module("workers.testing"), name
        )
    assert set(triage.__all__) <= set(dir(triage))
    with pytest.raises(AttributeError, match="'triage' has no attribute 'Jobs'"):
        _ = triage.Jobs  # type: ignore[attr-defined]


@pytest.mark.processes
def test_the_command_imports_nothing_that_could_be_shadowed_before_its_check() -> None:
    code = "import sys, triage.command; print([m for m in sys.modules if m in ('service', 'workers')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_each_package_is_in_the_wheel_in_the_image_and_behind_a_wall() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert packages == ["service", "triage", "workers"]
    assert project["tool"]["importlinter"]["root_packages"] == packages
    assert re.findall(r"^COPY (\w+) \1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == packages
    # A checkout has the sample handlers in `examples/tour`, the wheel has them in `workers/handlers`.
    samples = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    tour = [path.name for path in (ROOT / "examples/tour").glob("*.py")]
    assert samples == {f"examples/tour/{name}": f"workers/handlers/{name}" for name in tour}
    # Type checkers must also see the types of the modules that `job` is made of.
    assert all((ROOT / name / "py.typed").is_file() for name in ("triage", "workers"))


def test_the_distribution_has_its_own_name_and_installs_the_command() -> None:
    command = distribution("triage-jobs").entry_points
    assert [(entry.name, entry.value) for entry in command] == [("triage", "triage.command:main")]


def typed_blocks() -> list[str]:
    """The documents' examples that annotate ctx."""
    texts = [path.read_text() for path in sorted((ROOT / "docs").rglob("*.md"))]
    blocks = [block for text in texts for block in re.findall(r"^```python\n(.+?)^```", text, re.M | re.S)]
    return [block for block in blocks if re.search(r"ctx: \w*Context", block)]


@pytest.mark.processes
def test_pyright_accepts_the_examples_and_finds_each_mistake(tmp_path: Path) -> None:
    for path in (*ALL_EXAMPLES, MISTAKES):
        shutil.copy(path, tmp_path)
    blocks = typed_blocks()
    assert len(blocks) == 1
    for number, block in enumerate(blocks):
        (tmp_path / f"block_{number}.py").write_text(block)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pyright",
            "--pythonpath",
            sys.executable,
            "--project",
            tmp_path,
            "--outputjson",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYRIGHT_PYTHON_GLOBAL_NODE": "off", "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        capture_output=True,
        text=True,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(ALL_EXAMPLES) + 2
    found = {
        (Path(row["file"]).name, row["range"]["start"]["line"] + 1): row["message"]
        for row in report["generalDiagnostics"]
    }
    lines = enumerate(MISTAKES.read_text().splitlines(), 1)
    assert found.keys() == {(MISTAKES.name, number) for number, line in lines if line.endswith("# error")}, (
        found
    )
    assert len(ALL_EXAMPLES) >= 5
    unchecked = re.compile(r"\bAny\b|type: ignore|pyright:")
    assert [path for path in ALL_EXAMPLES if unchecked.search(path.read_text())] == []


async def test_the_examples_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES.parent)
    handlers = importlib.import_module(EXAMPLES.stem)
    assert {"send_letter", "import_rows", "render_report"} <= Registry.load([EXAMPLES.stem]).by_name.keys()
    end = await run(handlers.send_letter, {"to": "a@example.com", "copies": 2}, failures=1, job_id="job_1")
    assert (end.state, end.result) == ("succeeded", {"to": "a@example.com", "copies": 2})
    assert end.reports.progress[-1] == {"current": 2, "total": 2, "message": "a@example.com"}
    assert end.reports.lines == ["attempt 2 of job_1"]
    assert [call.function for call in end.reports.enqueued] == ["import-rows"]
    assert (await run(handlers.send_letter, {"to": "nobody"})).reason == "non_retryable"
    assert (await run(handlers.import_rows, {"batches": [[1, 2], [3]]})).result == 6
    end = await run(handlers.render_report, {"rows": 3})
    assert end.result == {"rows": 3, "title": "Report"}
    assert [(await run(handlers.sync_contacts, {"status": status})).state for status in (200, 202, 503)] == [
        "succeeded",
        "scheduled",
        "retrying",
    ]
