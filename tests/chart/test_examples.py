"""The values in the documentation render: each block of YAML that has only values of the chart."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CHART, ROOT, Release

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
PAGES = [CHART / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _examples() -> Iterator[tuple[str, dict[str, Any]]]:
    for page in PAGES:
        for number, text in enumerate(re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.M | re.S), 1):
            found = yaml.safe_load(text)
            if isinstance(found, dict) and found.keys() <= VALUES.keys():
                yield f"{page.stem} {number}", found


EXAMPLES = dict(_examples())


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_renders(name: str) -> None:
    assert Release(EXAMPLES[name]).manifests


def test_the_readme_covers_each_kind_of_redis() -> None:
    urls = [
        row["redis"]["url"] for name, row in EXAMPLES.items() if name.startswith("README") and "redis" in row
    ]
    assert [url.partition("://")[0] for url in urls] == ["redis", "rediss+sentinel", "redis+cluster"]
    assert len(EXAMPLES) > 6
