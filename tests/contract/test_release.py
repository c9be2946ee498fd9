"""What `make release` builds: the same bytes from the same files, complete, and described by an SBOM."""

import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from tools import release
from tools.generate import ROOT

EPOCH = "1764000000"


def wheel(folder: Path) -> Path:
    return Path(next(iter(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"]))))


def test_two_wheels_are_the_same_byte_by_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    first = wheel(tmp_path / "a")
    # A checkout elsewhere has other times of its files.
    touched = ROOT / "service/scaffold/template/values.yaml.tmpl"
    touched.touch()
    assert release.digest(first) == release.digest(wheel(tmp_path / "b"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(EPOCH) + 86_400))
    assert release.digest(first) != release.digest(wheel(tmp_path / "c"))
    with zipfile.ZipFile(first) as archive:
        names = set(archive.namelist())
    for name in (
        "service/scaffold/template/@module@.py.tmpl",
        "service/scaffold/template/.gitignore.tmpl",
        "service/api/responses/problems.yaml",
        "service/store/lua/commands/finish.lua",
        "workers/handlers/notices.py",
        "triage/py.typed",
    ):
        assert name in names
    assert not [name for name in names if name.startswith(("tests/", "tools/", "site/", "."))]


def test_the_sdist_has_no_builds_and_no_data_of_a_developer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    file = next(iter(SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])))
    with tarfile.open(file) as archive:
        members = archive.getmembers()
    parts = {member.name.split("/")[1] for member in members}
    assert {"service", "workers", "triage", "pyproject.toml", "README.md"} <= parts
    assert parts.isdisjoint({".venv", ".cache", ".triage", ".env", "site", "dist"})
    assert {member.mtime for member in members} == {int(EPOCH)}


def test_the_sbom_lists_what_the_wheel_installs_and_nothing_else() -> None:
    names = {line.partition("==")[0] for line in release.runtime_requirements()}
    assert {
        "arq",
        "fastapi",
        "hiredis",
        "redis",
        "starlette",
        "triage-client",
        "uvicorn",
        "watchfiles",
    } <= names
    assert names.isdisjoint({"mkdocs", "pytest", "ruff", "cyclonedx-bom", "opentelemetry-sdk"})
    # Released together with this one, from clients/python.
    pinned = {f"triage-client=={release.VERSION}"} | set(
        (ROOT / "constraints.txt").read_text().lower().replace("_", "-").split()
    )
    assert [line for line in release.runtime_requirements() if line not in pinned] == []


def test_the_changes_are_the_section_of_the_version() -> None:
    text = "# Changelog\n\n## [Unreleased]\n\nx\n\n## [0.2.0] - 2027\n\n* new\n\n## [0.1.0]\n\n* first\n"
    assert release.changes(text, "0.2.0") == "## [0.2.0] - 2027\n\n* new\n"
    assert release.changes(text, "0.1.0") == "## [0.1.0]\n\n* first\n"
    with pytest.raises(ValueError, match="no section for 0"):
        release.changes(text, "0.3.0")
