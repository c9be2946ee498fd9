"""The state machine as a Lua library, for the scripts."""

from service.domain.states import ARRIVALS, FINISHED, MOVES, State
from tools.reference import in_order


def lua_moves() -> str:
    """Uses comparisons, because every script call would build a table again."""
    lines = [
        "-- The arrows of a job's state machine: printed from service/domain/states.py by `make generate`.",
        f"local STATES = '{' '.join(State)}'",
        f"local FINISHED = {{{', '.join(f'{state} = true' for state in in_order(FINISHED))}}}",
        "",
        "-- The sources of a move, its target, and whether it needs the job's current lease.",
        "local function arrow(name)",
    ]
    for move in MOVES.values():
        sources, fenced = " ".join(in_order(move.sources)), str(move.fenced).lower()
        lines.append(f"  if name == '{move.name}' then return '{sources}', '{move.target}', {fenced} end")
    lines += [
        "  error('there is no move ' .. name)",
        "end",
        "",
        "-- The state that a new job can be in, by how it gets there.",
        "local function arrival(name)",
        *(f"  if name == '{name}' then return '{state}' end" for name, state in ARRIVALS.items()),
        "  error('there is no arrival ' .. name)",
        "end",
        "",
        "return {STATES = STATES, FINISHED = FINISHED, arrow = arrow, arrival = arrival}",
        "",
    ]
    return "\n".join(lines)
