"""Field types shared by requests: every text is bounded and free of control characters."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
TEN_YEARS = 315_360_000

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Key = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f|,]{1,255}$")]
TagKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$")]
TagValue = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{0,64}$")]
Tags = Annotated[dict[TagKey, TagValue], Field(max_length=16)]


def _no_boolean(value: Any) -> Any:
    if isinstance(value, (bool, str)):
        raise ValueError("must be a number")
    return value


Seconds = Annotated[float, BeforeValidator(_no_boolean), Field(ge=0, le=TEN_YEARS)]
PositiveSeconds = Annotated[float, BeforeValidator(_no_boolean), Field(gt=0, le=TEN_YEARS)]
Priority = Annotated[int, BeforeValidator(_no_boolean), Field(ge=0, le=1000)]


class In(BaseModel):
    """A request: unknown fields are refused, so that a misspelt one is not silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    """An answer: every field is always there."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)
