"""`triage namespaces apply`: makes the records of namespaces what a file says."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import ValidationError

from service.api.schemas.tenants import NamespaceIn, given_quotas
from service.domain.errors import ConfigurationInvalid, NamespaceExists, VersionMismatch
from service.domain.phrases import phrase
from service.domain.similar import did_you_mean
from service.domain.tenant import DEFAULTS, QUOTAS, Policy, Tenant
from service.store.tenants.tenants import Tenants

#: The most attempts at a namespace that other operators change at the same time.
ATTEMPTS = 5
Result = Literal["created", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A namespace as the file has it."""

    name: str
    policy: Policy
    description: str


def read_file(path: Path) -> list[Wanted]:
    """The namespaces of a YAML or JSON file, by name; raises ConfigurationInvalid with a line per problem."""
    import yaml

    try:
        found = yaml.safe_load(sys.stdin.read() if str(path) == "-" else path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationInvalid(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigurationInvalid(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict) or not found:
        raise ConfigurationInvalid(
            f"{path}: must have a namespace or more, such as `acme: {{quotas: {{jobs: 5000}}}}`"
        )
    problems: list[str] = []
    wanted: list[Wanted] = []
    for name, fields in cast("dict[Any, Any]", found).items():
        if isinstance(fields, Mapping) and "name" in fields:
            problems.append(f"{path}: {name}.name: unknown; the key is the name")
            continue
        try:
            wanted.append(_read(str(name), {} if fields is None else fields))
        except ValidationError as error:
            problems += [f"{path}: {_at(str(name), row)}{_rule(row)}" for row in error.errors()]
    if problems:
        raise ConfigurationInvalid("\n".join(problems))
    return wanted


def _read(name: str, fields: Any) -> Wanted:
    given: Any = {**fields, "name": name} if isinstance(fields, Mapping) else fields
    if isinstance(given, dict) and isinstance(given.get("quotas"), dict):
        quotas = cast("dict[str, Any]", given["quotas"])
        # As on the command line; values of a chart cannot be null.
        given["quotas"] = {quota: None if limit == "none" else limit for quota, limit in quotas.items()}
    spec = NamespaceIn.model_validate(given)
    quotas = {**DEFAULTS, **given_quotas(spec.quotas)}
    return Wanted(name, Policy(quotas, spec.retention_seconds, tuple(spec.redact)), spec.description)


def _at(name: str, row: Any) -> str:
    where = ".".join(str(part) for part in row["loc"])
    return f"{name}: " if where in ("", "name") else f"{name}.{where}: "


def _rule(row: Any) -> str:
    if row["loc"] == ("name",):
        return "not a namespace: use 1 to 64 letters, digits and . _ -, beginning with a letter or digit"
    if row["type"] == "extra_forbidden":
        known = (
            QUOTAS
            if row["loc"][0] == "quotas"
            else [name for name in NamespaceIn.model_fields if name != "name"]
        )
        return f"unknown{did_you_mean(str(row['loc'][-1]), known)}"
    return phrase(row)


async def apply(tenants: Tenants, wanted: Wanted, *, dry_run: bool) -> tuple[Result, list[str]]:
    """Create the namespace or change what differs; returns the differences, in words."""
    for attempt in range(ATTEMPTS):
        before = await tenants.find(wanted.name)
        differences = [] if before is None else _differences(before, wanted)
        if before is not None and not differences:
            return "unchanged", []
        try:
            if dry_run:
                pass
            elif before is None:
                await tenants.create(wanted.name, wanted.policy, wanted.description)
            else:
                await tenants.change(before, wanted.policy, wanted.description)
        except (NamespaceExists, VersionMismatch):
            if attempt == ATTEMPTS - 1:
                raise
            continue
        return "created" if before is None else "changed", differences
    raise AssertionError("unreachable")


def _differences(before: Tenant, wanted: Wanted) -> list[str]:
    old, new = before.policy, wanted.policy
    pairs = [
        *((quota, _limit(old.quota(quota)), _limit(new.quota(quota))) for quota in QUOTAS),
        ("retention_seconds", _limit(old.retention_seconds), _limit(new.retention_seconds)),
        ("redact", " ".join(old.redact) or "none", " ".join(new.redact) or "none"),
        ("description", before.description or "none", wanted.description or "none"),
    ]
    return [f"{name} {was} -> {will_be}" for name, was, will_be in pairs if was != will_be]


def _limit(value: float | None) -> str:
    return "none" if value is None else f"{value:,g}" if isinstance(value, float) else f"{value:,}"
