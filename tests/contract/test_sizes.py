"""Files have one duty: past 300 lines there are two."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_file_of_the_service_and_the_workers_has_over_300_lines() -> None:
    files = [
        path
        for folder in ("service", "triage", "workers")
        for suffix in ("py", "js", "css", "html")
        for path in (ROOT / folder).rglob(f"*.{suffix}")
    ]
    assert len(files) > 100
    assert [path.name for path in files if len(path.read_text().splitlines()) > 300] == []
