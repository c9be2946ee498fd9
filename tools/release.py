"""Builds what a release consists of in dist/: `make release`.

Wheels and sdists, built twice and compared; an SBOM (CycloneDX) of everything that the wheel installs; the
version's part of the changelog; and the checksums of all. The same commit gives the same bytes.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from service.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
NAME = "triage-jobs"
#: The server, and the client that it depends on.
PROJECTS = (ROOT, ROOT / "clients/python")


def release(folder: Path, epoch: str) -> dict[str, str]:
    """Build wheels, sdists and SBOM; returns their checksums by name."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    for project in PROJECTS:
        subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True)
    write_sbom(folder / f"{NAME}-{VERSION}.cdx.json")
    return {path.name: digest(path) for path in sorted(folder.iterdir())}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def commit_time() -> str:
    """The time of the commit in seconds, for every time inside the archives; or SOURCE_DATE_EPOCH."""
    return os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct")


def runtime_requirements() -> list[str]:
    """Everything that `pip install triage-jobs` installs, with the versions of this environment."""
    found: dict[str, str] = {}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pending: list[tuple[Sequence[str], frozenset[str]]] = [(project["dependencies"], frozenset())]
    while pending:
        requires, extras = pending.pop()
        for text in requires:
            requirement = Requirement(text)
            markers = [{"extra": extra} for extra in extras or ("",)]
            if requirement.marker is not None and not any(
                requirement.marker.evaluate(row) for row in markers
            ):
                continue
            key = re.sub(r"[-_.]+", "-", requirement.name).lower()
            if key not in found:
                found[key] = f"{key}=={distribution(requirement.name).version}"
                needed = distribution(requirement.name).requires or ()
                pending.append((needed, frozenset(requirement.extras)))
    return [found[key] for key in sorted(found)]


def write_sbom(file: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text("\n".join(runtime_requirements()) + "\n")
        command = [
            *(sys.executable, "-m", "cyclonedx_py", "requirements", str(requirements)),
            *("--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"),
            *("--output-reproducible", "--output-format", "JSON", "--output-file", str(file)),
        ]
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
        subprocess.run(command, env=environment, check=True)


def changes(text: str, version: str) -> str:
    """The part of the changelog about this version; raises ValueError if there is none."""
    found = re.search(rf"^## \[?{re.escape(version)}\b.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"CHANGELOG.md has no section for {version}")
    return found[0].rstrip() + "\n"


def main() -> int:
    """Exit with 1 if two builds differ, or if files are not committed and --allow-changes is not given."""
    if (changed := _git("status", "--porcelain")) and "--allow-changes" not in sys.argv:
        sys.stderr.write(f"Commit these files first, or pass --allow-changes:\n{changed}\n")
        return 1
    epoch = commit_time()
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        built, again = [release(path, epoch) for path in (DIST, Path(folder))]
    if built != again:
        sys.stderr.write(f"Two builds of the same commit differ: {built} and {again}\n")
        return 1
    (DIST / f"{NAME}-{VERSION}-changes.md").write_text(changes((ROOT / "CHANGELOG.md").read_text(), VERSION))
    sums = "".join(f"{digest(path)}  {path.name}\n" for path in sorted(DIST.iterdir()))
    (DIST / "SHA256SUMS").write_text(sums)
    print(f"dist/, from {_git('rev-parse', 'HEAD')}:\n{sums}", end="")
    return 0


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.rstrip("\n")


if __name__ == "__main__":
    raise SystemExit(main())
