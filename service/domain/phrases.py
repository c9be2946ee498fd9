"""Words for the errors of pydantic, which names types of Python and quotes patterns."""

from collections.abc import Mapping
from typing import Any, cast

from service.domain.job_spec import KEY, NAME, TAG_KEY, TAG_VALUE
from service.domain.similar import did_you_mean

#: A filter by tag.
TAG_FILTER = r"^[^:]+:.*$"
_RULES = {text.pattern: f"must have {text.rule}" for text in (NAME, KEY, TAG_KEY, TAG_VALUE)}
_RULES[TAG_FILTER] = "must be key:value, such as tenant:acme"
#: By code of an error: the type that the value should have.
TYPES = {
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}
_LIMITS = {
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "greater_than": "must be greater than {gt}",
    "less_than": "must be less than {lt}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "too_long": "must have at most {max_length} items",
    "too_short": "must have at least {min_length} items",
}


def phrase(error: Mapping[str, Any]) -> str:
    """The rule that the value of an error breaks."""
    code, context = error["type"], cast("Mapping[str, Any]", error.get("ctx") or {})
    if code in TYPES:
        return TYPES[code]
    if code in ("literal_error", "enum"):
        choices = str(context["expected"])
        value, known = error.get("input"), [part for part in choices.split("'")[1::2] if part]
        return f"must be {choices}" + (did_you_mean(value, known) if isinstance(value, str) else "")
    if code == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return _RULES.get(pattern) or f"must match the pattern {pattern}"
    if code in _LIMITS:
        return _LIMITS[code].format_map(context)
    return str(error["msg"]).removeprefix("Value error, ")
