"""The reasons of an explanation in words: one sentence per code, filled with its facts."""

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
    "no_worker": "No live worker takes jobs of queue {queue}.",
    "unknown_type": "No live worker of queue {queue} knows job type {name}.",
    "workers_busy": "All {capacity} slots of the workers that can run it are taken.",
    "type_busy": "Its workers have no slot free, or none for type {name}: each runs at most {limit}.",
    "queue_concurrency": "Running jobs of queue {queue}: {running}, at most {limit}.",
    "queue_rate": "Queue {queue} starts at most {limit} in {per_seconds:g} s: the next at {until}.",
    "type_frozen": "A job of type {name} was rate limited, so those without a limit key wait until {until}.",
    "key_concurrency": "Running jobs of limit key {limit_key}: {running}, at most {limit}.",
    "key_rate": "Limit key {limit_key} starts at most {limit} in {per_seconds:g} s: the next at {until}.",
    "key_frozen": "Limit key {limit_key} was rate limited, so its jobs wait until {until}.",
    "fan_out_concurrency": "Running jobs of its fan-out: {running}, at most {limit}.",
    "jobs_ahead": "Jobs of its type and limit key that run before it: {ahead}.",
    "ready": "Nothing holds it back: it is first of its type and limit key, and claimed in its turn.",
    "overdue": "Its time was over at {until}: it is about to be dead, reason {state_reason}.",
    "scheduled": "Its time comes at {until}.",
    "retrying": "Attempt {attempt} of {max_attempts} failed with {error_type}; the next is due at {until}.",
    "due": "Its time came at {until}: the next claim of any worker queues it.",
    "no_live_worker": "No live worker takes jobs.",
    "dependencies": "Jobs that it waits for: {total}.",
    "children": "Children that it waits for: {total}.",
    "fan_out": "It follows a fan-out that has not ended.",
    "unique_holder": "It runs after job {holder_id}, which holds its unique key.",
    "release_pending": "All that it waited for has ended: it is about to be released.",
    "running": "It runs on worker {worker_id}, attempt {attempt} of {max_attempts}.",
    "lease_expired": "Its worker was last heard of too long ago: the job is about to run again.",
    "cancel_requested": "Its cancellation was requested and is forced at {forced_at}.",
    "succeeded": "It succeeded at {finished_at}.",
    "cancelled": "It was cancelled: {why}.",
    "dead": "It gave up: {why}. POST {retry} runs it again.",
}
_WHY: Mapping[str, str] = {
    "exhausted": "{attempt} of {max_attempts} attempts failed",
    "non_retryable": "its failure is not one to try again",
    "poison": "{crashes} of its processes died",
    "expired": "it was not started in time",
    "deadline": "its deadline has passed",
    "unroutable": "no worker knew its type for too long",
    "undecodable": "what is stored of it cannot be read",
    "requested": "somebody asked for it",
    "dependency": "a job that it depended on ended otherwise than it needed",
    "flow": "a job of its flow died, or the flow was cancelled",
    "fan_out": "its fan-out was cancelled, or had too many failures",
    "replaced": "a newer job took its place",
    "parent": "the job that added it was cancelled or gave up",
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
    return sentence if said is None else f"{sentence} Reason given: {said}"
