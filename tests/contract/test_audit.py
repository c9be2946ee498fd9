"""The reference explains each kind of finding."""

import re
from pathlib import Path

from service.domain.audit import KINDS

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/audit.md"


def test_the_reference_explains_every_kind_and_no_other() -> None:
    section = PAGE.read_text().partition("## Kinds")[2]
    assert sorted(re.findall(r"^\* \*\*`(\w+)`\*\*: ", section, re.MULTILINE)) == sorted(KINDS)
