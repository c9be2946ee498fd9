"""The settings of a queue."""

from collections.abc import Mapping
from typing import Any

import orjson

from service.domain.catalogue import canonical_name
from service.domain.limits import KeyLimits, KeyOverride, QueueSettings, RateLimit
from service.store.codec.fields import Fields, number
from service.store.redis.scripts import Argument


def encode_change(field: str, value: Any) -> list[Argument]:
    """Fields and values for configure_queue.lua from a field of QueueSettings; "" removes it."""
    match field:
        case "paused":
            return ["paused", "1" if value else ""]
        case "priority_aging_ms":
            return ["aging_ms", "strict" if value is None else value]
        case "rate_limit":
            return ["rate_limit", _rate(value)]
        case "per_key":
            limits: KeyLimits = value or KeyLimits()
            return [
                "key_max_concurrency",
                _optional(limits.max_concurrency),
                "key_rate_limit",
                _rate(limits.rate_limit),
            ]
        case "keys":
            return [text for key, override in value.items() for text in (f"key:{key}", _override(override))]
        case "paused_job_types":
            # A claim compares the names that jobs have, and `a_b` and `a-b` are one type.
            names = sorted({name for given in value for name in (given, given.replace("-", "_"))})
            return ["paused_types", f" {' '.join(names)} " if names else ""]
        case "defaults":
            return ["defaults", orjson.dumps(value) if value else ""]
        case _:
            return [field, _optional(value)]


def decode_settings(fields: Fields, keys: Fields, defaults: bytes | None) -> QueueSettings:
    aging = fields.get(b"aging_ms", b"60000")
    paused = fields.get(b"paused_types", b"").decode().split()
    return QueueSettings(
        paused=fields.get(b"paused") == b"1",
        paused_job_types=tuple(sorted({canonical_name(name) for name in paused})),
        priority_aging_ms=None if aging == b"strict" else int(aging),
        max_concurrency=number(fields.get(b"max_concurrency")),
        max_depth=number(fields.get(b"max_depth")),
        rate_limit=_parse_rate(fields.get(b"rate_limit")),
        per_key=KeyLimits(
            number(fields.get(b"key_max_concurrency")), _parse_rate(fields.get(b"key_rate_limit"))
        ),
        keys={key.decode(): _parse_override(text) for key, text in sorted(keys.items())},
        defaults=orjson.loads(defaults) if defaults else {},
        version=int(fields.get(b"version", 1)),
    )


def decode_all_defaults(fields: Fields) -> dict[str, Mapping[str, Any]]:
    """The default options of jobs, by queue."""
    return {name.decode(): orjson.loads(document) for name, document in fields.items()}


def _optional(value: int | None) -> Argument:
    return "" if value is None else value


def _rate(rate: RateLimit | None) -> str:
    return "" if rate is None else f"{rate.limit} {rate.per_ms} {int(rate.smooth)}"


def _override(override: KeyOverride | None) -> str:
    if override is None:
        return ""
    concurrency, rate = override.max_concurrency, override.rate_limit
    text = "none" if rate is None else rate if isinstance(rate, str) else _rate(rate)
    return f"{'none' if concurrency is None else concurrency}|{text}"


def _parse_rate(text: bytes | None) -> RateLimit | None:
    if not text:
        return None
    limit, per_ms, smooth = (int(part) for part in text.split())
    return RateLimit(limit, per_ms, bool(smooth))


def _parse_override(text: bytes) -> KeyOverride:
    concurrency, rate = text.split(b"|")
    return KeyOverride(
        "default" if concurrency == b"default" else None if concurrency == b"none" else int(concurrency),
        "default" if rate == b"default" else None if rate == b"none" else _parse_rate(rate),
    )
