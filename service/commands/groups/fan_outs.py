"""`triage fan-outs`."""

from typing import Annotated

import typer

from service.commands.arguments import State
from service.commands.connection import Api, connected
from service.commands.groups.shared import Id, group_app
from service.commands.output.documents import print_document

app = group_app("/v1/fan-outs", "fan-out")


@app.command()
@connected
def results(
    api: Api,
    id: Id,
    state: State = None,
    from_index: Annotated[int, typer.Option(min=0, help="The first item's index.")] = 0,
) -> None:
    """Print the results in the order of the items, one JSON document per line."""
    for row in api.triage.fan_out_by_id(id).results(state=state, from_index=from_index):
        print_document(row)
