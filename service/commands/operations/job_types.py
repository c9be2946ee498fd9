"""`triage job-types`."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from service import exit_codes
from service.commands.completion import job_types as job_type_names
from service.commands.connection import Api, check_members, connected
from service.commands.members import JOB_TYPE
from service.commands.output.details import Details
from service.commands.output.documents import line_of, print_document
from service.commands.output.listing import Json, Listing, Row
from service.commands.tables import Table, printable, table_of
from service.domain.catalogue import canonical_name

TypeName = Annotated[str, typer.Argument(metavar="NAME", autocompletion=job_type_names)]

app = typer.Typer(invoke_without_command=True)


@app.callback()
@connected
def default(api: Api, json: Json = False) -> None:
    """Job types; without a command, lists them."""
    Listing(lambda: _read(api), job_types_table).show(json)


@app.command(name="list")
@connected
def list_job_types(api: Api, json: Json = False) -> None:
    """List the job types that live workers know, with the fields of their payloads."""
    Listing(lambda: _read(api), job_types_table).show(json)


def _read(api: Api) -> list[Any]:
    rows = api.read("/v1/job-types", ("items",))["items"]
    check_members(f"{api.address}/v1/job-types responded with unexpected rows", rows, JOB_TYPE)
    return rows


def job_types_table(rows: Iterable[Row]) -> Table:
    table = table_of("name", "queue", "executor", "payload", "description", keep=("payload",))
    known = list(rows)
    names = {row["name"] for row in known}
    for row in known:
        # `send_alert` is another spelling of `send-alert`.
        if row["name"] != canonical_name(row["name"]) and canonical_name(row["name"]) in names:
            continue
        table.add_row(
            row["name"],
            row["defaults"].get("queue", ""),
            row["executor"],
            ", ".join(fields_of(row)),
            row["description"].partition("\n")[0],
        )
    return table


def fields_of(job_type: Row) -> list[str]:
    """The fields of the payload; a required one has a star."""
    schema = job_type["payload_schema"] or {}
    required = schema.get("required", ())
    return [f"{name}{'*' if name in required else ''}" for name in schema.get("properties", {})]


@app.command()
@connected
def get(api: Api, name: TypeName, json: Json = False) -> None:
    """Show a job type: its payload's schema and its defaults."""
    found = next((row for row in _read(api) if row["name"] == name), None)
    if found is None:
        typer.echo(f"triage: no live worker knows the job type {printable(name)}", err=True)
        raise typer.Exit(exit_codes.REFUSED)
    if json:
        print_document(found)
        return
    details = Details()
    details.add_line(printable(found["name"]))
    if found["description"]:
        details.add("does", printable(found["description"]))
    details.add("runs as", found["executor"])
    if found["concurrency"] is not None:
        details.add("limit", f"{found['concurrency']} at a time per worker")
    details.add("defaults", line_of(found["defaults"]))
    details.add("payload", "any" if found["payload_schema"] is None else line_of(found["payload_schema"]))
    if found["redact"]:
        details.add("redacted", printable(" ".join(found["redact"])))
    details.show()
