"""The website of the documentation: every page is on it, and every link leads to a page of it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools import build_docs


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_docs, "STAGED", folder)
        assert build_docs.stage() == []
        yield folder


def _pages(entries: Any) -> Iterator[str]:
    for entry in entries:
        for value in entry.values():
            if isinstance(value, str):
                yield value
            else:
                yield from _pages(value)


def test_every_page_is_in_the_navigation_once() -> None:
    listed = list(_pages(build_docs.navigation()))
    assert len(listed) == len(set(listed))
    assert sorted(listed) == sorted(str(build_docs.place_of(page)) for page in build_docs.pages())
    assert "reference/errors/json_invalid.md" in listed
    assert "adr/0001-arq-is-the-shell.md" in listed


def test_every_link_leads_to_a_file_of_the_site(staged: Path) -> None:
    broken: list[str] = []
    links = 0
    for page in staged.rglob("*.md"):
        for link in re.findall(r"\]\(([^)\s#]+)", page.read_text()):
            links += 1
            if "://" not in link and not (page.parent / link).is_file():
                broken.append(f"{page.relative_to(staged)}: {link}")
    assert broken == []
    assert links > 300


def test_text_of_a_list_is_indented_for_pythons_markdown() -> None:
    text = "* a\n  b\n\n  ```\n  c\n  ```\n\n1. d\n   e\n\n```\n* f\n  g\n```\n  h"
    assert build_docs.indented(text) == (
        "* a\n    b\n\n    ```\n    c\n    ```\n\n1. d\n    e\n\n```\n* f\n  g\n```\n  h"
    )


def test_a_broken_link_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_docs, "ROOT", tmp_path)
    page = tmp_path / "docs" / "a.md"
    page.parent.mkdir()
    page.write_text("[x](nowhere.md) [y](a.md#b) `[z](no.md)`\n\n```\n[w](no.md)\n```\n")
    assert build_docs.rewritten(page)[2] == ["docs/a.md: nowhere.md", "docs/a.md: no.md"]
