"""Generated files are current, and the server serves the committed OpenAPI document."""

import re
from typing import cast

import orjson
from starlette.routing import Route

from service.api.export import openapi_document
from service.store.namespace import Namespace
from tests.api.client import Api
from tools.generate import FILES, ROOT
from workers.telemetry.metrics import Metrics


def test_generated_files_are_current() -> None:
    assert [name for name, write in FILES.items() if (ROOT / name).read_text() != write()] == []


def test_the_list_of_errors_has_each_code_once_per_status() -> None:
    page = (ROOT / "docs/reference/errors.md").read_text()
    listed = re.findall(r"^\* \*\*`(\w+)`\*\* \((\d+)", page, re.MULTILINE)
    assert ("validation_failed", "422") in listed
    assert len(listed) == len(set(listed))


def test_the_list_of_metrics_is_complete_for_workers() -> None:
    listed = (ROOT / "docs/reference/metrics.md").read_text()
    exported = {family.name for family in Metrics().registry.collect()}
    assert {"triage_job_run_seconds", "triage_jobs_finished"} <= exported
    assert [name for name in exported if f"* **`{name}" not in listed] == []


async def test_the_server_serves_the_committed_document(store: Namespace) -> None:
    api = Api(store.scripts.redis, store.scripts.namespace)
    served = (await api.http.get("/openapi.json")).json()
    await api.close()
    assert served == orjson.loads((ROOT / "openapi/openapi.json").read_bytes())


async def test_no_route_is_hidden_from_the_document(store: Namespace) -> None:
    api = Api(store.scripts.redis, store.scripts.namespace)
    served = {cast(Route, route).path for route in api.app.routes}
    await api.close()
    pages = {path + rest for path in ("/docs", "/dashboard") for rest in ("", "/{build}/{name}")}
    pages |= {"/problems", "/problems/{code}"}
    assert served - {"/openapi.json", *pages} == set(openapi_document()["paths"])


def test_every_operation_has_a_summary_a_description_and_its_errors() -> None:
    for path, operations in openapi_document()["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            if path.startswith("/v1/"):
                assert {"401", "403", "422", "503"} <= set(operation["responses"]), (method, path)
