"""A file has one duty; one of more than 300 lines usually has two."""

from pathlib import Path

import pytest

from tools.generate import FILES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "folder", ["benchmarks", "clients", "examples", "helm", "service", "tests", "tools", "triage", "workers"]
)
def test_no_file_has_over_300_lines(folder: str) -> None:
    files = [
        path
        for suffix in ("css", "html", "js", "lua", "py", "sh")
        for path in (ROOT / folder).rglob(f"*.{suffix}")
        if "node_modules" not in path.parts and path.relative_to(ROOT).as_posix() not in FILES
    ]
    assert files
    assert [str(path) for path in files if len(path.read_text().splitlines()) > 300] == []
