"""The READMEs of the examples are correct: their commands run and print what they show."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import ROOT
from tests.examples.readme import Reader

READMES = sorted((ROOT / "examples").rglob("README.md"))


@pytest.fixture
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(request.param, tmp_path)
    try:
        reader.start()
        yield reader
    finally:
        reader.stop()


@pytest.mark.parametrize("reader", READMES, ids=lambda path: path.parent.name, indirect=True)
def test_every_command_prints_what_the_readme_shows(reader: Reader) -> None:
    assert len(reader.servers) >= 1
    assert len(reader.commands) >= 3
    for command, shown in reader.commands:
        printed = reader.type_in(command)
        assert printed.rstrip("\n") == reader.expected(shown, printed).rstrip("\n"), (command, reader.logs())


def test_every_example_has_its_readme_or_is_in_the_index() -> None:
    index = (ROOT / "examples/README.md").read_text()
    for path in (ROOT / "examples").iterdir():
        assert f"({path.name}" in index or path.name in ("README.md", "__pycache__"), path
