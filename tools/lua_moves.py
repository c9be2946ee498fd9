"""The state machine as the scripts read it."""

from service.domain.states import ARRIVALS, FINISHED, MOVES, State
from tools.reference import in_order


def lua_moves() -> str:
    """Flat tables of text: each script call builds them anew."""
    sources = {move.name: " ".join(in_order(move.sources)) for move in MOVES.values()}
    targets = {move.name: str(move.target) for move in MOVES.values()}
    fenced = {move.name: "true" for move in MOVES.values() if move.fenced}
    lines = [
        "-- The arrows of a job's state machine: printed from service/domain/states.py by `make generate`."
    ]
    lines += _lua_table("SOURCES", {name: f"'{states}'" for name, states in sources.items()})
    lines += _lua_table("TARGETS", {name: f"'{state}'" for name, state in targets.items()})
    lines += ["-- Only the holder of the job's current lease may make these."]
    lines += _lua_table("FENCED", fenced)
    lines += ["-- The states that a new job can be in, by how it gets there."]
    lines += _lua_table("ARRIVALS", {name: f"'{state}'" for name, state in ARRIVALS.items()})
    lines += _lua_table("FINISHED", {state: "true" for state in in_order(FINISHED)})
    lines += [f"local STATES = '{' '.join(State)}'"]
    names = ("SOURCES", "TARGETS", "FENCED", "ARRIVALS", "FINISHED", "STATES")
    return "\n".join([*lines, "", "return {", *(f"  {name} = {name}," for name in names), "}", ""])


def _lua_table(name: str, rows: dict[str, str]) -> list[str]:
    return [f"local {name} = {{", *(f"  {key} = {value}," for key, value in rows.items()), "}"]
