"""Reading the samples of a /metrics page."""

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def series(text: str) -> Series:
    """Every sample of a page, by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(page: Series, metric: str, /, **labels: Any) -> float | None:
    """One sample, or None when there is no such series."""
    return page.get((metric, frozenset((label, str(text)) for label, text in labels.items())))


def total(page: Series, metric: str, /, **labels: Any) -> float:
    """The sum of the samples that have at least these labels."""
    wanted = {(label, str(text)) for label, text in labels.items()}
    return sum(sample for (found, has), sample in page.items() if found == metric and wanted <= has)
