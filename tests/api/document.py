"""The operations that the OpenAPI document declares, and a check that a response conforms to one."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
from jsonschema import Draft202012Validator, FormatChecker

from tools.generate import ROOT

DOCUMENT: dict[str, Any] = orjson.loads((ROOT / "openapi/openapi.json").read_bytes())
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]


@dataclass(frozen=True)
class Operation:
    """`declared` is the operation's object in the document."""

    method: str
    path: str
    declared: dict[str, Any]

    @property
    def id(self) -> str:
        return self.declared["operationId"]

    @property
    def scope(self) -> str | None:
        return self.declared.get("x-required-scope")

    def parameters(self, where: str) -> list[dict[str, Any]]:
        return [row for row in self.declared.get("parameters", []) if row["in"] == where]

    @property
    def request(self) -> dict[str, Any] | None:
        """The schema and the example of its JSON body."""
        return self.declared.get("requestBody", {}).get("content", {}).get("application/json")

    def address(self, **values: str) -> str:
        """Its path and required query parameters; values that are not given come from the example."""
        examples = {row["name"]: row["example"] for row in self.parameters("path")}
        query = {row["name"]: row["example"] for row in self.parameters("query") if row.get("required")}
        return self.path.format_map({**examples, **values}) + (f"?{urlencode(query)}" if query else "")

    def response(self, status: int) -> dict[str, Any]:
        declared = self.declared["responses"].get(str(status))
        assert declared is not None, f"{self.id} answered {status}, which the document does not know"
        return resolve(declared)

    def conforms(self, response: httpx.Response) -> None:
        """Status, headers and body are as declared."""
        declared = self.response(response.status_code)
        for name, header in declared.get("headers", {}).items():
            assert name in response.headers or not resolve(header).get("required"), (self.id, name)
        if not declared.get("content"):
            assert response.content == b"", self.id
            return
        media_type = response.headers["content-type"].split(";")[0]
        assert media_type in declared["content"], (self.id, media_type)
        if media_type == "text/event-stream":
            for event in response.text.split("\n\n"):
                lines = event.splitlines()
                # Named events are about the stream, not the resource.
                for line in [] if any(line.startswith("event: ") for line in lines) else lines:
                    if line.startswith("data: "):
                        validate(orjson.loads(line[6:]), declared["content"][media_type]["schema"])
        elif media_type.endswith("ndjson"):
            for line in response.content.splitlines():
                validate(orjson.loads(line), SCHEMAS["ItemResultOut"])
        elif media_type.endswith("json"):
            validate(orjson.loads(response.content), declared["content"][media_type]["schema"])


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = DOCUMENT
        for part in node["$ref"].split("/")[1:]:
            found = found[part]
        node = found
    return node


def validate(value: Any, schema: dict[str, Any]) -> None:
    """Raises jsonschema's ValidationError."""
    whole = {"components": DOCUMENT["components"], **schema}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(value)


OPERATIONS = [
    Operation(method.upper(), path, declared)
    for path, item in DOCUMENT["paths"].items()
    for method, declared in item.items()
]
#: Operations that name a resource in their path.
ADDRESSED = [operation for operation in OPERATIONS if operation.parameters("path")]
#: Operations that need an authenticated caller.
GUARDED = [operation for operation in OPERATIONS if operation.scope is not None]
