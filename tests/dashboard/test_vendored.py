"""The vendored files are those that their packages published, each with its licence."""

import hashlib
import json

import pytest

from tests.contract.texts import ROOT

FOLDER = ROOT / "service/api/dashboard/vendor"
VERSIONS: dict[str, dict[str, str]] = json.loads((FOLDER / "versions.json").read_text())


def test_every_vendored_file_has_a_version_and_its_package_a_licence() -> None:
    licences = {f"{entry['package']}.LICENSE" for entry in VERSIONS.values()}
    assert {path.name for path in FOLDER.iterdir()} == {*VERSIONS, *licences, "versions.json"}


@pytest.mark.parametrize("name", VERSIONS)
def test_a_vendored_file_is_unchanged(name: str) -> None:
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == VERSIONS[name]["sha256"]
