"""Field types shared by requests: every text is bounded and free of control characters."""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
TAG_KEY_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$"
TAG_VALUE_PATTERN = r"^[^\x00-\x1f\x7f]{0,64}$"
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
TEN_YEARS = 315_360_000

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Key = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f|,]{1,255}$")]
TagKey = Annotated[str, StringConstraints(pattern=TAG_KEY_PATTERN)]
TagValue = Annotated[str, StringConstraints(pattern=TAG_VALUE_PATTERN)]
TagFilter = Annotated[str, StringConstraints(pattern=r"^[^:]+:.*$", max_length=130)]
Tags = Annotated[
    dict[TagKey, TagValue],
    Field(max_length=16),
    # What pydantic writes by itself (patternProperties) would let other keys pass.
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": 16,
            "propertyNames": {"pattern": TAG_KEY_PATTERN},
            "additionalProperties": {"type": "string", "pattern": TAG_VALUE_PATTERN},
        }
    ),
]


def _time(value: Any) -> Any:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise ValueError("must be a time like 2026-11-27T09:30:00Z")
    return datetime.fromisoformat(value.upper())


Time = Annotated[AwareDatetime, BeforeValidator(_time)]
Seconds = Annotated[float, Field(ge=0, le=TEN_YEARS)]
PositiveSeconds = Annotated[float, Field(gt=0, le=TEN_YEARS)]
Priority = Annotated[int, Field(ge=0, le=1000)]


def parse_tags(values: list[str] | None) -> dict[str, str]:
    """What the `key:value` of a filter say."""
    return {key: value for key, _, value in (text.partition(":") for text in values or [])}


#: For lists that always fit on one page. The document says "a string or null" as for every list, because
#: openapi-generator crashes on a field that can only be null.
NoCursor = Annotated[
    None, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Next Cursor"})
]


def inherited(otherwise: Any, description: str, **bounds: Any) -> Any:
    """An optional field that takes its value from elsewhere when it is absent, such as the job type.

    The document declares no default for it, because generated clients send the defaults they find there and
    would override the inherited value. `otherwise` applies when there is nothing to inherit.
    """
    return Field(default_factory=lambda: otherwise, description=description, **bounds)


class In(BaseModel):
    """A request: unknown fields are refused, so that a misspelt one is not silently ignored.

    A value is of the type that the document names: neither "1" nor true is a number, and 0 is not false.
    """

    model_config = ConfigDict(extra="forbid", strict=True)


class Out(BaseModel):
    """A response: every field is always present."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)
