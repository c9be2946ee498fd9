"""docs/adr/README.md lists every decision with its title, once."""

import re

from tests.contract.texts import ROOT

FOLDER = ROOT / "docs/adr"
INDEX = (FOLDER / "README.md").read_text()


def test_the_index_has_every_decision_with_its_title_in_order() -> None:
    titles = [(path.name, path.read_text().split("\n")[0]) for path in sorted(FOLDER.glob("0*.md"))]
    listed = re.findall(r"^\* \[(\d{4})\]\(([^)]+)\): (.+)$", INDEX, re.MULTILINE)
    assert [(name, f"# {number}: {title}") for number, name, title in listed] == titles


def test_the_readme_leads_to_the_index() -> None:
    assert "(docs/adr/README.md)" in (ROOT / "README.md").read_text()


def test_an_adr_number_in_the_code_exists() -> None:
    numbers = {path.name[:4] for path in FOLDER.glob("0*.md")}
    files = [path for folder in ("service", "triage", "workers") for path in (ROOT / folder).rglob("*.*")]
    named = {
        number
        for path in files
        if path.suffix in (".py", ".lua", ".js")
        for number in re.findall(r"\badr/(\d{4})|\bADR (\d{4})", path.read_text())
        for number in number
        if number
    }
    assert named
    assert named <= numbers
