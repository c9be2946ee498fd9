"""`triage namespaces`: gives tenants quotas, directly in Redis, so that an operator needs no API key."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import orjson
import typer

from service.commands.access.policies import (
    QuotaOption,
    RedactOption,
    RetentionOption,
    read_pointers,
    read_quotas,
    read_retention,
)  # fmt: skip
from service.commands.direct import with_redis
from service.commands.tables import print_table, table_of
from service.domain.errors import NamespaceExists, NamespaceNotEmpty, NotFound, VersionMismatch
from service.domain.tenant import DEFAULTS, NAMESPACE_PATTERN, QUOTAS, Policy, Tenant, Usage
from service.store.tenants.tenants import Tenants

app = typer.Typer(no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Result = TypeVar("Result")
_EXPECTED = (NamespaceExists, NamespaceNotEmpty, NotFound, VersionMismatch)


@app.command()
def create(
    name: str,
    quota: QuotaOption = None,
    retention: RetentionOption = None,
    redact: RedactOption = None,
    description: Annotated[str, typer.Option(help="A note, such as the tenant's name.")] = "",
    json: Json = False,
) -> None:
    """Give a namespace quotas, by default the ones for a shared installation."""
    if not re.fullmatch(NAMESPACE_PATTERN, name):
        message = "use 1 to 64 letters, digits and . _ -, beginning with a letter or digit"
        raise typer.BadParameter(f"invalid namespace {name!r}: {message}", param_hint="NAME")
    policy = Policy({**DEFAULTS, **read_quotas(quota)}, read_retention(retention), read_pointers(redact))
    _show(*_run(lambda tenants: _created(tenants, name, policy, description)), json)


@app.command(name="list")
def list_namespaces(json: Json = False) -> None:
    """List the namespaces that have been created, with what they use."""
    found = _run(_all)
    if json:
        typer.echo(orjson.dumps([_row(*pair) for pair in found]).decode())
        return
    table = table_of("name", "jobs", "stored bytes", "queues", "description")
    for tenant, usage in found:
        used = usage or Usage()
        table.add_row(
            tenant.name,
            _used(tenant, "jobs", used.jobs),
            _used(tenant, "stored_bytes", used.stored_bytes),
            _used(tenant, "queues", used.queues),
            tenant.description,
        )
    print_table(table)


@app.command()
def describe(name: str, json: Json = False) -> None:
    """Show the quotas of a namespace, and what it uses of them."""
    _show(*_run(lambda tenants: _described(tenants, name)), json)


@app.command(name="set")
def change(
    name: str,
    quota: QuotaOption = None,
    retention: RetentionOption = None,
    redact: RedactOption = None,
    json: Json = False,
) -> None:
    """Change quotas, the retention or the redaction of a namespace."""
    if not (quota or redact or retention):
        raise typer.BadParameter("give at least one of --quota, --retention-seconds and --redact")
    quotas, seconds, pointers = read_quotas(quota), read_retention(retention), read_pointers(redact)

    def changed(before: Policy) -> Policy:
        return Policy(
            {**before.quotas, **quotas},
            seconds if retention else before.retention_seconds,
            pointers if redact else before.redact,
        )

    _show(*_run(lambda tenants: _changed(tenants, name, changed)), json)


@app.command()
def apply(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, allow_dash=True, help="YAML or JSON; - reads stdin."),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change.")] = False,
) -> None:
    """Create the namespaces of a file, and make those that exist what it says.

    A quota that the file does not name has its default. Other namespaces do not change.
    """
    from service.commands.access.namespace_file import apply, read_file

    wanted = read_file(file)

    async def all_of_them(tenants: Tenants) -> None:
        for namespace in wanted:
            result, differences = await apply(tenants, namespace, dry_run=dry_run)
            changes = f": {', '.join(differences)}" if differences else ""
            typer.echo(f"{namespace.name} {'would be ' if dry_run else ''}{result}{changes}")

    _run(all_of_them)


@app.command()
def delete(name: str) -> None:
    """Delete an empty namespace with its quotas and webhooks, and revoke its API keys."""
    _run(lambda tenants: tenants.delete(name))
    typer.echo(f"Deleted {name}.")


async def _created(
    tenants: Tenants, name: str, policy: Policy, description: str
) -> tuple[Tenant, Usage | None]:
    return await tenants.create(name, policy, description), await tenants.usage(name)


async def _described(tenants: Tenants, name: str) -> tuple[Tenant, Usage | None]:
    return await tenants.get(name), await tenants.usage(name)


async def _changed(
    tenants: Tenants, name: str, change: Callable[[Policy], Policy]
) -> tuple[Tenant, Usage | None]:
    before = await tenants.get(name)
    return await tenants.change(before, change(before.policy), before.description), await tenants.usage(name)


async def _all(tenants: Tenants) -> list[tuple[Tenant, Usage | None]]:
    found: list[tuple[Tenant, Usage | None]] = []
    cursor: str | None = None
    while True:
        page, cursor = await tenants.page(200, cursor)
        found += [(tenant, await tenants.usage(tenant.name)) for tenant in page]
        if cursor is None:
            return found


def _row(tenant: Tenant, usage: Usage | None) -> dict[str, Any]:
    return {
        "name": tenant.name,
        "description": tenant.description,
        "quotas": {name: tenant.policy.quota(name) for name in QUOTAS},
        "usage": None if usage is None else _usage(usage),
        "retention_seconds": tenant.policy.retention_seconds,
        "redact": list(tenant.policy.redact),
    }


def _usage(usage: Usage) -> dict[str, int]:
    return {name: getattr(usage, name) for name in Usage.__slots__}


def _used(tenant: Tenant, name: str, used: int) -> str:
    limit = tenant.policy.quotas.get(name)
    return f"{used:,}" if limit is None else f"{used:,} of {limit:,}"


def _show(tenant: Tenant, usage: Usage | None, json: bool) -> None:
    if json:
        typer.echo(orjson.dumps(_row(tenant, usage)).decode())
        return
    used, table = {} if usage is None else _usage(usage), table_of("quota", "limit", "used")
    for name in QUOTAS:
        limit = tenant.policy.quota(name)
        table.add_row(
            name, "none" if limit is None else f"{limit:,}", f"{used[name]:,}" if name in used else "-"
        )
    print_table(table)
    if (seconds := tenant.policy.retention_seconds) is not None:
        typer.echo(f"Retention: {seconds:g} s")
    if tenant.policy.redact:
        typer.echo(f"Redacted: {' '.join(tenant.policy.redact)}")


def _run(use: Callable[[Tenants], Awaitable[Result]]) -> Result:
    try:
        return with_redis(lambda redis: use(Tenants(redis)), _EXPECTED)
    except NotFound:
        message = "unknown namespace; `triage namespaces create` creates it"
    except NamespaceExists:
        message = "this namespace exists; `triage namespaces set` changes its quotas"
    except (NamespaceNotEmpty, VersionMismatch) as error:
        message = error.message
    typer.echo(f"triage: {message}", err=True)
    raise typer.Exit(1)
