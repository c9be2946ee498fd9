"""Field types of requests: every text has a limit and no control characters."""

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

from service.domain.checks import parse_time
from service.domain.job_spec import KEY, NAME, PRIORITY, SECONDS, TAG_KEY, TAG_VALUE, TAGS

Name = Annotated[str, StringConstraints(pattern=NAME.pattern)]
Key = Annotated[str, StringConstraints(pattern=KEY.pattern)]
Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
TagKey = Annotated[str, StringConstraints(pattern=TAG_KEY.pattern)]
TagValue = Annotated[str, StringConstraints(pattern=TAG_VALUE.pattern)]
TagFilter = Annotated[str, StringConstraints(pattern=r"^[^:]+:.*$", max_length=130)]
Tags = Annotated[
    dict[TagKey, TagValue],
    Field(max_length=TAGS.most),
    # pydantic itself writes patternProperties, which would allow other keys.
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": TAGS.most,
            "propertyNames": {"pattern": TAG_KEY.pattern},
            "additionalProperties": {"type": "string", "pattern": TAG_VALUE.pattern},
        }
    ),
]


Time = Annotated[AwareDatetime, BeforeValidator(parse_time)]
Seconds = Annotated[float, Field(ge=0, le=SECONDS.most)]
PositiveSeconds = Annotated[float, Field(gt=0, le=SECONDS.most)]
Priority = Annotated[int, Field(ge=PRIORITY.least, le=PRIORITY.most)]


def parse_tags(values: list[str] | None) -> dict[str, str]:
    """Parse the `key:value` texts of a filter."""
    return {key: value for key, _, value in (text.partition(":") for text in values or [])}


#: For lists that always fit on one page. The document says "a string or null" as for every list, because
#: openapi-generator crashes on a field that can only be null.
NoCursor = Annotated[
    None, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Next Cursor"})
]


def inherited(otherwise: Any, description: str) -> Any:
    """An optional field that takes its value from elsewhere when it is absent, such as the job type.

    The document declares no default for it, because generated clients send the defaults they find there and
    would override the inherited value. `otherwise` applies when there is nothing to inherit.
    """
    return Field(default_factory=lambda: otherwise, description=description)


class In(BaseModel):
    """The base of request schemas: refuses unknown fields, so that a misspelt one is not silently ignored.

    Types are strict: neither "1" nor true is a number, and 0 is not false.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    def given(self) -> dict[str, Any]:
        """The fields that the client sent."""
        return {name: _given(getattr(self, name)) for name in self.model_fields_set}


def _given(value: Any) -> Any:
    return value.given() if isinstance(value, In) else value


class Out(BaseModel):
    """The base of response schemas: every field is always present."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)
