"""The Dockerfiles are clean and agree with the chart and the package; `make image-test` builds them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chart.rendering import ROOT, Release

DOCKERFILES = [ROOT / "Dockerfile", ROOT / "examples/custom-handlers/Dockerfile"]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_hadolint_finds_nothing(dockerfile: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--no-color", dockerfile], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_base_image_is_the_same_in_all_stages() -> None:
    bases = {
        line
        for path in DOCKERFILES
        for line in path.read_text().splitlines()
        if line.startswith("ARG BASE_IMAGE")
    }
    assert len(bases) == 1


def test_chart_and_image_agree_on_the_user() -> None:
    assert "\nUSER 10001:10001\n" in (ROOT / "Dockerfile").read_text()
    for _, pod in Release().pods():
        assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"]) == (10001, 10001)


def test_the_build_context_has_only_files_of_the_image() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    wanted = {name for line in copied for name in line.split()}
    assert wanted == {line[1:] for line in lines if line.startswith("!")}
