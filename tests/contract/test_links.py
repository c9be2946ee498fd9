"""Every link between the documents leads to a file, and to a heading if it names one."""

import re
from pathlib import Path

import pytest

from tools.generate import ROOT

DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(path for top in ("docs", "examples", "helm") for path in ROOT.glob(f"{top}/**/*.md")),
]
INDEX = ROOT / "docs/index.md"
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _anchors(document: Path) -> set[str]:
    """As GitHub makes them: lower case, no punctuation, hyphens for spaces."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    broken: list[str] = []
    for link in _LINK.findall(document.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_is_on_the_map() -> None:
    pages = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/[!a]*/*.md"), ROOT / "docs/adr/README.md"]
    shown = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link in _LINK.findall(INDEX.read_text())}
    assert [str(page) for page in pages if page.resolve() not in shown | {INDEX}] == []
