"""Every metric that the API and the worker export, with its labels: what rules and dashboards may use."""

from collections.abc import Iterable
from dataclasses import replace

import promql_parser
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service.domain.outcome import Succeeded, settle
from service.store.leases import Finish
from service.store.namespace import Namespace
from tests.api.client import Api
from tests.workers.reporting import lease
from workers.telemetry.metrics import Metrics

#: Labels that Prometheus adds to every target it scrapes.
TARGET = frozenset({"namespace", "job", "instance", "pod"})


async def exported(store: Namespace) -> dict[str, frozenset[str]]:
    """Sample names with their labels, read from the metrics pages after one job has run."""
    api = Api(store.scripts.redis, store.scripts.namespace)
    await api.create()
    text = (await api.http.get("/metrics")).text
    await api.close()
    measured = Metrics()
    held = replace(lease(), job=replace(lease().job, queued_at=0, started_at=1))
    measured.started(held.job)
    settlement = settle(held.job, Succeeded(b"1"), 2, lambda: 0.5)
    measured.settled(Finish(held, settlement, "wk_1", ended_at=2, run_ms=1))
    measured.process.overflow.labels("queue")
    text += generate_latest(measured.registry).decode()
    found: dict[str, frozenset[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, frozenset()) | frozenset(sample.labels)
    return found


def selectors(expression: str) -> list[tuple[str, frozenset[str]]]:
    """Names and matched labels of a PromQL expression; raises ValueError if it does not parse."""
    return list(_walk(promql_parser.parse(expression)))


def _walk(node: object) -> Iterable[tuple[str, frozenset[str]]]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node.name or "", frozenset(matcher.name for matcher in node.matchers.matchers)
        return
    for field in ("expr", "lhs", "rhs", "param", "vector_selector"):
        child = getattr(node, field, None)
        if isinstance(child, promql_parser.Expr):
            yield from _walk(child)
    for argument in getattr(node, "args", ()):
        yield from _walk(argument)


def unknown(expression: str, known: dict[str, frozenset[str]]) -> list[str]:
    """Names in an expression that no process exports."""
    problems: list[str] = []
    for name, labels in selectors(expression):
        if name not in known:
            problems.append(name)
        elif extra := labels - known[name] - TARGET:
            problems.append(f"{name}{sorted(extra)}")
    return problems
