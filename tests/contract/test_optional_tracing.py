"""OpenTelemetry is optional: a process that exports no spans does not load it."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.processes

_REPORT = "print([m for m in sys.modules if m.startswith(('opentelemetry.sdk', 'service.telemetry.otel'))])"


def run(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**environment, "PATH": ""},
    )
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["service.api.main", "workers.main"])
def test_the_sdk_is_not_imported_without_a_provider(module: str) -> None:
    code = (
        f"import sys, {module}; from service.telemetry.tracer import configure_tracing, find_tracer;"
        f"configure_tracing('x'); print(find_tracer()); {_REPORT}"
    )
    assert run(code).splitlines() == ["None", "[]"]


def test_a_worker_does_not_load_opentelemetry_at_all() -> None:
    code = "import sys, workers.main; print([m for m in sys.modules if m.startswith('opentelemetry')])"
    assert run(code) == "[]"


def test_a_collector_without_the_sdk_is_a_warning() -> None:
    code = (
        "import sys; sys.modules['opentelemetry.exporter'] = None; sys.modules['opentelemetry.sdk'] = None;"
        "from service.telemetry.tracer import configure_tracing, find_tracer;"
        "configure_tracing('x'); print(find_tracer())"
    )
    assert "tracing_is_not_installed" in run(code, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    assert run(code, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1").endswith("None")


def test_a_collector_with_the_sdk_gets_the_spans() -> None:
    code = (
        "from service.telemetry.tracer import configure_tracing, find_tracer;"
        "configure_tracing('triage-api');"
        "print(type(find_tracer()).__name__); from opentelemetry import trace;"
        "print(trace.get_tracer_provider().resource.attributes['service.name'])"
    )
    assert run(code, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1").splitlines() == [
        "OtelTracer",
        "triage-api",
    ]
