"""Submits and changes jobs for clients; each operation is one script call that is safe to send twice."""

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from service.domain.errors import BackendUnavailable, OutcomeUnknown, TooManyQueues
from service.domain.job_cost import IDEMPOTENCY, portions
from service.domain.job_spec import JobSpec, ResultForgotten, Unique
from service.domain.record import record
from service.domain.results import Changed, ChangeResult, SubmitResult, Submitted
from service.domain.retry import RetryPolicy
from service.domain.states import DEFER, REDRIVE, RUN_NOW, Move
from service.store.codec import jobs as codec
from service.store.codec.fields import text, texts
from service.store.codec.submissions import REPLAY, decode_replay, decode_submitted, encode_spec
from service.store.codec.traits import encode_traits
from service.store.codec.webhooks.callbacks import encode_callback
from service.store.queries import Queries
from service.store.redis import keys
from service.store.redis.batcher import Batcher
from service.store.redis.scripts import Argument, Scripts

IDEMPOTENCY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Idempotency:
    """`scope` is the operation, `key` the client's header, `request` the SHA-256 of the body.

    `keeps`: the record includes the job, because `find_replay` cannot read it from the request.
    """

    scope: str
    key: str
    request: str
    keeps: bool = False

    def digest(self) -> str:
        return hashlib.sha256(f"{self.scope}\0{self.key}".encode()).hexdigest()


@record
class Submission:
    """A job to submit. Repeated with the same id, it is admitted once."""

    id: str
    spec: JobSpec
    idempotency: Idempotency | None = None


class Jobs:
    """Submits, cancels, redrives, changes and deletes jobs of one namespace."""

    def __init__(self, scripts: Scripts, queries: Queries) -> None:
        self._scripts = scripts
        self._queries = queries
        self._batcher = Batcher(self.submit_batch, batches)

    async def submit(self, submissions: Sequence[Submission]) -> list[Submitted]:
        """Admit jobs in order, in batches; only a batch is atomic."""
        results: list[Submitted] = []
        for batch in batches(submissions):
            results += await self.submit_batch(batch)
        return results

    async def submit_one(self, submission: Submission) -> Submitted:
        """Like submit, but calls in the same tick of the event loop share one round trip.

        Raises IdempotencyKeyReused, UniqueConflict, QueueFull and TooManyQueues.
        """
        return (await self._batcher.add(submission)).accepted()

    async def submit_batch(
        self, submissions: Sequence[Submission], *, firing: str = "", remember_ms: int = IDEMPOTENCY_MS
    ) -> list[Submitted]:
        """Admit up to BATCH jobs in one script call, which is atomic.

        `firing` makes them the jobs of a schedule, in the format of schedule_firing.lua; without a
        result if another worker has fired it. Idempotency keys are stored for `remember_ms`.
        """
        arguments: list[Argument] = [remember_ms, firing, self._scripts.max_queues]
        for submission in submissions:
            arguments += _arguments(submission)
        replies = await self._scripts.run("submit", arguments)
        if firing and not replies:
            return []
        results = [
            decode_submitted(submission.id, submission.spec, reply)
            for submission, reply in zip(submissions, replies, strict=True)
        ]
        holders = [found.job_id for found in results if found.result is SubmitResult.EXISTING]
        if holders:
            try:
                jobs = dict(zip(holders, await self._queries.jobs(holders), strict=True))
            except BackendUnavailable as error:
                raise OutcomeUnknown() from error  # The others of this call are stored.
            results = [
                replace(found, job=jobs[found.job_id]) if found.result is SubmitResult.EXISTING else found
                for found in results
            ]
        return results

    async def find_replay(self, idempotency: Idempotency) -> Submitted | None:
        """The result of an earlier request with the same key, if there was one.

        For requests with `keeps`. Raises IdempotencyKeyReused when it was another request.
        """
        key = keys.idempotency(self._scripts.prefix, digest=idempotency.digest())
        row = (await self._queries.pipeline(lambda pipe: pipe.hmget(key, REPLAY)))[0]
        found = decode_replay(row, idempotency.request)
        return None if found is None else found.accepted()

    async def cancel(
        self,
        ids: Sequence[str],
        grace_ms: int,
        reason: str = "requested",
        *,
        unstarted: bool = False,
        portion: str = "",
        message: str = "",
    ) -> list[Changed]:
        """Cancel waiting jobs now. Running ones get a request, and are cancelled by force after the grace.

        `unstarted` spares jobs that have ever started. The handler can read `message`. `portion`, here and
        below, is in the format of bulk_portion.lua; if another process has done it, the result is empty. A
        call leaves some jobs if they take too long; the next portion then begins with these.
        """

        async def send(left: Sequence[str]) -> list[Changed]:
            arguments = [grace_ms, reason, int(unstarted), portion, message, *left]
            return codec.decode_changes(await self._scripts.run("cancel", arguments))

        return await _each(ids, send, portion)

    async def cancel_one(self, id: str, grace_ms: int, message: str = "") -> Changed:
        """Like cancel. Raises NotFound, and InvalidState for a job that has finished."""
        return (await self.cancel([id], grace_ms, message=message))[0].done()

    async def redrive(
        self,
        ids: Sequence[str],
        delay_ms: int = 0,
        payload: bytes | None = None,
        queue: str | None = None,
        *,
        portion: str = "",
    ) -> list[Changed]:
        """Run dead or cancelled jobs again, with failures and crashes at 0. Raises TooManyQueues."""
        how: list[Argument] = [delay_ms, payload or b"", queue or "", portion]
        changed = await self._requeue(DEFER if delay_ms else REDRIVE, how, ids, portion)
        if any(row.result is ChangeResult.TOO_MANY_QUEUES for row in changed):
            raise TooManyQueues()
        return changed

    async def redrive_one(
        self, id: str, delay_ms: int = 0, payload: bytes | None = None, queue: str | None = None
    ) -> Changed:
        """Like redrive; also raises NotFound, InvalidState and UniqueConflict."""
        return (await self.redrive([id], delay_ms, payload, queue))[0].done()

    async def run_now(self, id: str) -> Changed:
        """Queue a scheduled or retrying job now. Raises NotFound and InvalidState."""
        return (await self._requeue(RUN_NOW, [0, b"", "", ""], [id]))[0].done()

    async def _requeue(
        self, move: Move, how: Sequence[Argument], ids: Sequence[str], portion: str = ""
    ) -> list[Changed]:
        async def send(left: Sequence[str]) -> list[Changed]:
            arguments = [move.name, *how, self._scripts.max_queues, *left]
            return codec.decode_changes(await self._scripts.run("requeue", arguments))

        return await _each(ids, send, portion)

    async def update(
        self,
        id: str,
        *,
        if_version: int | None = None,
        priority: int | None = None,
        run_at_ms: int | None = None,
        tags: Mapping[str, str] | None = None,
        retry: RetryPolicy | None = None,
    ) -> Changed:
        """Change a job that has not finished; `if_version` guards against concurrent changes.

        Raises NotFound, InvalidState and VersionMismatch.
        """
        options: Argument = ""
        if retry is not None:
            key = keys.job(self._scripts.prefix, id=id)
            stored = await self._queries.pipeline(lambda pipe: pipe.hmget(key, codec.OPTIONS_TEXT))
            options = codec.with_retry(stored[0], retry)
        reply = await self._scripts.run(
            "update",
            [
                id,
                _optional(if_version),
                _optional(priority),
                _optional(run_at_ms),
                "" if tags is None else 1,
                codec.encode_tags(tags or {}),
                options,
            ],
        )
        return codec.decode_changes([reply])[0].done()

    async def holder_of_arq_id(self, id: str) -> str | None:
        """The job that holds an arq job id, which is a unique key outside any queue."""
        key = keys.unique(self._scripts.prefix, queue="", key=id)
        return text((await self._queries.pipeline(lambda pipe: pipe.get(key)))[0])

    async def delete(self, ids: Sequence[str], *, portion: str = "") -> list[Changed]:
        """Delete finished jobs before the end of their retention."""

        async def send(left: Sequence[str]) -> list[Changed]:
            _, _, *words = await self._scripts.run("prune", [len(left), portion, *left])
            return [Changed(ChangeResult(word), None, 0) for word in texts(words)]

        return await _each(ids, send, portion)

    async def delete_one(self, id: str) -> None:
        """Like delete. Raises NotFound, and InvalidState for a job that has not finished."""
        changed = (await self.delete([id]))[0]
        if changed.result is ChangeResult.ILLEGAL:
            job = await self._queries.job(id)
            changed = replace(changed, state=None if job is None else job.state)
        changed.done()


async def _each(
    ids: Sequence[str], send: Callable[[Sequence[str]], Awaitable[list[Changed]]], portion: str
) -> list[Changed]:
    """Change all jobs: a call leaves some if they take too long. A portion is one call."""
    changed = await send(ids)
    while not portion and len(changed) < len(ids):
        changed += await send(ids[len(changed) :])
    return changed


def batches(submissions: Sequence[Submission]) -> Iterator[list[Submission]]:
    """The submissions in order, each list for one script call."""
    specs = [(submission.spec, IDEMPOTENCY if submission.idempotency else 0) for submission in submissions]
    start = 0
    for count in portions(specs):
        yield list(submissions[start : start + count])
        start += count


def _optional(value: str | int | None) -> Argument:
    return "" if value is None else value


def _arguments(submission: Submission) -> list[Argument]:
    spec, idempotency, unique = submission.spec, submission.idempotency, submission.spec.unique
    further: list[Argument] = []
    if spec.delay_ms:
        further += ["delay_ms", spec.delay_ms]
    if spec.run_at_ms is not None:
        further += ["due_at", spec.run_at_ms]
    if spec.expires_ms is not None:
        further += ["expires_ms", spec.expires_ms]
    if spec.deadline_ms is not None:
        further += ["deadline_ms", spec.deadline_ms]
    if spec.tags:
        further += ["tags", codec.encode_tags(spec.tags)]
    if spec.callback:
        further += ["callback", encode_callback(spec.callback)]
    if unique:
        further += ["unique", unique.key, "unique_until", _until(unique), "conflict", unique.on_conflict]
    if idempotency:
        further += ["digest", idempotency.digest(), "request", idempotency.request]
        if idempotency.keeps:
            further += ["kept_spec", encode_spec(spec)]
    if spec.failures:
        further += ["failures", spec.failures]
    return [
        submission.id,
        encode_traits(spec),
        spec.payload,
        codec.encode_options(spec),
        len(further) // 2,
        *further,
    ]


def _until(unique: Unique) -> Argument:
    return f"result {unique.until.kept_ms}" if isinstance(unique.until, ResultForgotten) else unique.until
