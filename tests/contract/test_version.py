"""pyproject.toml has the version; code reads it from there, and this test compares every other copy."""

import re
import tomllib
from pathlib import Path

import orjson
import yaml

from service.version import VERSION

ROOT = Path(__file__).parents[2]
#: Files that name an image with its version.
_TAG = re.compile(r"^ARG VERSION=(.+)$|\btriage:(\d[\w.]*)|^ +tag: \"(.+)\"$", re.MULTILINE)


def test_pyproject_has_the_version() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_the_clients_have_the_same() -> None:
    """The server's distribution takes the Python client of its own version."""
    client = tomllib.loads((ROOT / "clients/python/pyproject.toml").read_text())["project"]
    assert client["version"] == VERSION
    server = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"triage-client=={VERSION}" in server["dependencies"]
    assert orjson.loads((ROOT / "clients/typescript/package.json").read_bytes())["version"] == VERSION


def test_chart_images_and_documents_have_the_same() -> None:
    assert yaml.safe_load((ROOT / "helm/triage/Chart.yaml").read_text())["appVersion"] == VERSION
    assert orjson.loads((ROOT / "openapi/openapi.json").read_bytes())["info"]["version"] == VERSION
    dockerfiles = [ROOT / "Dockerfile", ROOT / "examples/custom-handlers/Dockerfile"]
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "helm").rglob("*.md")]
    tags = [
        (path.name, "".join(found.groups("")))
        for path in (*dockerfiles, *documents)
        for found in _TAG.finditer(path.read_text())
    ]
    assert {name for name, _ in tags} >= {"Dockerfile", "build-an-image.md"}
    assert [tag for tag in tags if tag[1] != VERSION] == []


def test_the_changelog_has_its_section_below_the_unreleased_one() -> None:
    sections = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(VERSION)}\] - \d{{4}}-\d\d-\d\d", sections[1])


def test_no_module_spells_it() -> None:
    files = [path for folder in ("service", "triage", "workers") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 100
    assert [path for path in files if f'"{VERSION}"' in path.read_text()] == []
