"""The worker's histograms look like prometheus_client's in a scrape."""

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from workers.telemetry.histogram import BUCKETS, TallyHistogram

VALUES = (0.0, 0.001, 0.0011, 0.3, 3600.0, 5000.0)


def _lines(registry: CollectorRegistry) -> set[str]:
    # A HistogramMetricFamily does not include the time at which a series began.
    return {line for line in generate_latest(registry).decode().splitlines() if "_created" not in line}


def test_a_scrape_shows_what_prometheus_client_would_show_of_the_same_values():
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    mine = TallyHistogram("wait_seconds", "Time from due to started.", ("queue", "name"), ours)
    reference = Histogram(
        "wait_seconds", "Time from due to started.", ("queue", "name"), buckets=BUCKETS, registry=theirs
    )

    for value in VALUES:
        mine.labels("default", "send").observe(value)
        reference.labels("default", "send").observe(value)
    mine.labels("bulk", "send")
    reference.labels("bulk", "send")

    assert _lines(ours) == _lines(theirs)
