"""`triage flows` and `triage graph`."""

from collections.abc import Iterator
from typing import Any

import typer

from service.commands.connection import Api, connected, place
from service.commands.groups.shared import Id, group_app
from service.commands.members import JOB
from service.commands.output.documents import print_document
from service.commands.output.listing import Json

MERMAID = "text/vnd.mermaid"

app = group_app("/v1/flows", "flow")


@app.command()
@connected
def results(api: Api, id: Id) -> None:
    """Print the results, one JSON document per job: its key, ID, state, result and error."""
    for row in _results(api, id):
        print_document(row)


def _results(api: Api, id: str) -> Iterator[dict[str, Any]]:
    for job in api.rows(place("/v1/flows/{}/jobs", id), JOB):
        # Lists leave large results out.
        whole = (
            job
            if "result" not in job.get("truncated", ())
            else api.read(place("/v1/jobs/{}", job["id"]), JOB)
        )
        yield {
            "key": whole.get("flow_key"),
            "job_id": whole["id"],
            "name": whole["name"],
            "state": whole["state"],
            "result": whole["result"],
            "error": whole["error"],
        }


@connected
def graph(api: Api, flow_id: Id, json: Json = False) -> None:
    """Print the graph of a flow as Mermaid text."""
    where = place("/v1/flows/{}/graph", flow_id)
    if json:
        print_document(api.read(where, ("nodes", "edges")))
    else:
        typer.echo(api.text(where, MERMAID), nl=False)


app.command()(graph)
