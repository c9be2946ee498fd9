"""The end of a run, as finish.lua receives it."""

import orjson

from service.domain.fingerprints import MESSAGE, fingerprint
from service.domain.job import Lease
from service.domain.outcome import Failure, Settlement
from service.domain.states import GIVE_UP
from service.version import VERSION


def end_arguments(
    lease: Lease, settlement: Settlement, worker_id: str, ended_at: int, run_ms: int
) -> list[str | bytes | int]:
    """The values of a run for finish.lua: what its lease held, and how it ended."""
    failure = settlement.failure
    error = attempt = b""
    number = lease.job.failures + 1
    if failure is not None:
        error = orjson.dumps(
            {
                "type": failure.type,
                "message": failure.message,
                "retryable": settlement.retryable,
                "attempt": number,
            }
        )
        attempt = orjson.dumps(
            {
                "attempt": number,
                "outcome": "crashed" if settlement.counts == "crashes" else "failed",
                "at_ms": ended_at,
                "worker_id": worker_id,
                "duration_seconds": run_ms / 1000,
                "type": failure.type,
                "message": failure.message,
                "traceback": failure.traceback,
            }
        )
    further: list[str | bytes | int] = list(lease.held[2:])
    if settlement.delay_ms:
        further += ["delay_ms", settlement.delay_ms]
    if settlement.reason:
        further += ["reason", settlement.reason]
    if settlement.counts:
        further += ["counter", settlement.counts]
    if settlement.counts == "crashes":
        further += ["suspect", 1]
    if settlement.freeze_ms:
        further += ["freeze_ms", settlement.freeze_ms]
    if failure is not None:
        further += ["error_now", error, "attempt", attempt]
        if settlement.move is GIVE_UP:
            further += ["death", _death(lease.job.name, failure)]
    return [
        lease.job.id,
        lease.token,
        *(lease.held[:2] or (b"", b"")),
        settlement.move.name,
        settlement.result or b"",
        len(further) // 2,
        *further,
    ]


def _death(name: str, failure: Failure) -> str:
    """What the group of a dead letter needs: fingerprint, worker version, error type, message."""
    message = failure.message.partition("\n")[0][:MESSAGE]
    return "|".join((fingerprint(name, failure), VERSION, failure.type.replace("|", " "), message))
