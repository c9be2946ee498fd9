"""`triage new` writes a project whose test passes, and never overwrites anything."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from service.scaffold import ProjectRefused, create_project
from tests.chart.rendering import Release
from tests.commands.conftest import run
from tests.e2e.processes import ROOT


def test_a_project_has_everything_and_no_placeholder(tmp_path: Path) -> None:
    folder, written = create_project("shop-jobs", tmp_path)
    assert written == [
        ".dockerignore", ".gitignore", "Dockerfile", "README.md", "pyproject.toml", "shop_jobs.py",
        "tests/test_shop_jobs.py", "values.yaml",
    ]  # fmt: skip
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == written
    for path in written:
        text = (folder / path).read_text()
        assert "@name@" not in text
        assert "@module@" not in text
        assert "@version@" not in text


@pytest.mark.processes
def test_the_test_of_a_project_passes(tmp_path: Path) -> None:
    folder, _ = create_project("shop-jobs", tmp_path)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert "4 passed" in ended.stdout


def test_the_chart_accepts_the_values_of_a_project(tmp_path: Path) -> None:
    folder, _ = create_project("shop-jobs", tmp_path)
    release = Release(yaml.safe_load((folder / "values.yaml").read_text()))
    (container,) = release.one("Deployment", "-worker-default")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/shop-jobs:1"
    assert {"name": "TRIAGE_HANDLERS", "value": "shop_jobs"} in container["env"]


def test_nothing_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "shop.py").write_text("mine")
    ended = run(("new", "shop"), {})
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"triage: {tmp_path}/shop already exists: choose another name, or remove it.\n"
    assert [path.read_text() for path in tmp_path.rglob("*") if path.is_file()] == ["mine"]
    ended = run(("new", "other"), {})
    assert ended.code == 0
    assert "cd other" in ended.out


@pytest.mark.parametrize("name", ["Shop", "1shop", "shop--x", "../shop", "", "shop jobs"])
def test_a_name_must_fit_a_folder_and_a_module(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectRefused, match="is not a project name"):
        create_project(name, tmp_path)


@pytest.mark.parametrize("name", ["service", "workers", "triage", "email", "json", "class", "tests"])
def test_a_name_must_not_shadow_another_module(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectRefused, match="would shadow"):
        create_project(name, tmp_path)
    assert list(tmp_path.iterdir()) == []
