"""The reasons of an explanation in words: one sentence per code, with its facts filled in."""

from collections.abc import Mapping
from typing import Any

from service.api.responses import rendering
from service.domain.explanation import Explanation
from service.domain.explanation_codes import Cause, Code
from service.domain.job import Job

_TIMES = ("until", "seen_at", "started_at", "lease_until", "requested_at", "forced_at", "finished_at")

_SENTENCES: Mapping[Code, str] = {
    "queue_paused": "Queue {queue} is paused.",
    "type_paused": "Job type {name} is paused in queue {queue}.",
    "no_worker": "No live worker serves queue {queue}.",
    "unknown_type": "No live worker of queue {queue} knows job type {name}.",
    "workers_busy": "All slots of the workers that can run it are busy ({capacity} in total).",
    "type_busy": "Its workers have no free slot for job type {name}; each runs at most {limit} at once.",
    "queue_concurrency": "Queue {queue} has reached its concurrency limit: {running} of {limit} running.",
    "queue_rate": (
        "Queue {queue} has reached its rate limit of {limit} per {per_seconds:g} s; the next start is at "
        "{until}."
    ),
    "type_frozen": "A job of type {name} was rate limited, so jobs without a limit key wait until {until}.",
    "key_concurrency": (
        "Limit key {limit_key} has reached its concurrency limit: {running} of {limit} running."
    ),
    "key_rate": (
        "Limit key {limit_key} has reached its rate limit of {limit} per {per_seconds:g} s; the next "
        "start is at {until}."
    ),
    "key_frozen": "Limit key {limit_key} was rate limited, so its jobs wait until {until}.",
    "fan_out_concurrency": "Its fan-out has reached its concurrency limit: {running} of {limit} running.",
    "jobs_ahead": "Jobs ahead of it with the same type and limit key: {ahead}.",
    "ready": "It is ready: it is first of its type and limit key, and a worker will claim it in turn.",
    "overdue": "It expired at {until} and will be dead-lettered shortly, reason {state_reason}.",
    "scheduled": "It is scheduled for {until}.",
    "retrying": (
        "Attempt {attempt} of {max_attempts} failed with {error_type}; the next attempt is due at {until}."
    ),
    "due": "It was due at {until}; the next claim of any worker will queue it.",
    "no_live_worker": "No live worker is claiming jobs.",
    "dependencies": "It waits for other jobs: {total}.",
    "children": "It waits for its children: {total}.",
    "fan_out": "It follows a fan-out that is unfinished.",
    "unique_holder": "It runs after job {holder_id}, which holds its unique key.",
    "release_pending": "Everything it waited for has finished; it will be released shortly.",
    "running": "It is running on worker {worker_id}, attempt {attempt} of {max_attempts}.",
    "lease_expired": "Its worker stopped sending heartbeats; the job will be requeued shortly.",
    "cancel_requested": "A client requested its cancellation; Triage forces it at {forced_at}.",
    "succeeded": "It succeeded at {finished_at}.",
    "cancelled": "It was cancelled: {why}.",
    "dead": "It is dead: {why}. To run it again, POST {retry}.",
}
_WHY: Mapping[str, str] = {
    "exhausted": "{attempt} of {max_attempts} attempts failed",
    "non_retryable": "the error was not retryable",
    "poison": "it killed {crashes} processes",
    "expired": "it did not start in time",
    "deadline": "its deadline has passed",
    "unroutable": "no worker has known its job type for too long",
    "undecodable": "its stored data cannot be read",
    "requested": "a client requested it",
    "dependency": "a dependency did not have the required outcome",
    "flow": "a job of its flow died, or the flow was cancelled",
    "fan_out": "its fan-out was cancelled, or had too many failures",
    "replaced": "a newer job took its place",
    "parent": "the job that added it was cancelled or died",
}


def explanation(job: Job, found: Explanation) -> dict[str, Any]:
    reasons = [_reason(cause) for cause in found.causes]
    return {
        "job_id": job.id,
        "object": "explanation",
        "state": job.state,
        "summary": " ".join(reason["message"] for reason in reasons),
        "reasons": reasons,
        "next_at": rendering.time(found.next_at),
    }


def _reason(cause: Cause) -> dict[str, Any]:
    facts = {name: rendering.time(fact) if name in _TIMES else fact for name, fact in cause.facts.items()}
    return {"code": cause.code, "message": _sentence(cause.code, facts), **facts}


def _sentence(code: Code, facts: Mapping[str, Any]) -> str:
    reason: str = facts.get("state_reason") or "no reason is known"
    why = _WHY.get(reason, reason).format_map(facts)
    sentence = _SENTENCES[code].format_map({**facts, "why": why})
    said: str | None = facts.get("cancel_message")
    return sentence if said is None else f"{sentence} The request gave this reason: {said}"
