"""The verbs of clients that change a job; each is one script call and safe to send twice."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from service.domain.errors import BackendUnavailable, OutcomeUnknown, TooManyQueues
from service.domain.job_spec import JobSpec, ResultForgotten, Unique
from service.domain.record import record
from service.domain.results import Changed, ChangeResult, SubmitResult, Submitted
from service.domain.retry import RetryPolicy
from service.domain.states import DEFER, REDRIVE, RUN_NOW, Move
from service.store.codec import jobs as codec
from service.store.codec.fields import text, texts
from service.store.codec.submissions import REPLAY, decode_replay, decode_submitted, encode_spec
from service.store.queries import Queries
from service.store.redis import keys
from service.store.redis.batcher import Batcher
from service.store.redis.scripts import Argument, Scripts

#: Jobs per script call: the time of one script is everybody's time.
BATCH = 500
#: Bytes of payloads per script call, unless a single one is larger: packing them holds the event loop.
BATCH_BYTES = 4_194_304
IDEMPOTENCY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Idempotency:
    """`scope` is the operation, `key` the client's header, `request` the SHA-256 of the body.

    `keeps`: the request does not say what the job is, so its record does, for `find_replay`.
    """

    scope: str
    key: str
    request: str
    keeps: bool = False

    def digest(self) -> str:
        return hashlib.sha256(f"{self.scope}\0{self.key}".encode()).hexdigest()


@record
class Submission:
    """One job on its way in. Sent again with the same id it is admitted once."""

    id: str
    spec: JobSpec
    idempotency: Idempotency | None = None


class Jobs:
    """Submits, cancels, redrives, changes and deletes jobs of one namespace."""

    def __init__(self, scripts: Scripts, queries: Queries) -> None:
        self._scripts = scripts
        self._queries = queries
        self._batcher = Batcher(self.submit_batch, BATCH)

    async def submit(self, submissions: Sequence[Submission]) -> list[Submitted]:
        """Admit jobs in order, as many per script call as it may take; the whole list is not atomic."""
        answers: list[Submitted] = []
        for batch in batches(submissions):
            answers += await self.submit_batch(batch)
        return answers

    async def submit_one(self, submission: Submission) -> Submitted:
        """Like submit, but the calls that arrive in one tick of the event loop share one round trip.

        Raises IdempotencyKeyReused, UniqueConflict, QueueFull and TooManyQueues.
        """
        return (await self._batcher.add(submission)).accepted()

    async def submit_batch(self, submissions: Sequence[Submission]) -> list[Submitted]:
        """Admit up to BATCH jobs in one script call, which is atomic."""
        return await self.fire(submissions, "")

    async def fire(
        self, submissions: Sequence[Submission], slots: str, *, remember_ms: int = IDEMPOTENCY_MS
    ) -> list[Submitted]:
        """Admit the jobs of a schedule's slots in one call; nothing when somebody else has fired them.

        `slots` is the text of schedule_firing.lua; records of idempotency are kept for `remember_ms`.
        """
        arguments: list[Argument] = [remember_ms, slots, self._scripts.max_queues]
        for submission in submissions:
            arguments += _arguments(submission)
        replies = await self._scripts.run("submit", arguments)
        if slots and not replies:
            return []
        answers = [
            decode_submitted(submission.spec, reply)
            for submission, reply in zip(submissions, replies, strict=True)
        ]
        holders = [answer.job_id for answer in answers if answer.result is SubmitResult.EXISTING]
        if holders:
            try:
                jobs = dict(zip(holders, await self._queries.jobs(holders), strict=True))
            except BackendUnavailable as error:
                raise OutcomeUnknown() from error  # The others of this call are stored.
            answers = [
                replace(answer, job=jobs[answer.job_id]) if answer.result is SubmitResult.EXISTING else answer
                for answer in answers
            ]
        return answers

    async def find_replay(self, idempotency: Idempotency) -> Submitted | None:
        """What an earlier request with the same key was answered, if there was one.

        For records that keep what the job was. Raises IdempotencyKeyReused when it was another request.
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
        """Waiting jobs are cancelled now; running ones are asked and forced after `grace_ms`.

        With `unstarted`, jobs that have ever started are left alone. `portion` is the text of
        bulk_portion.lua, here and below; when another process has done the portion the answer is empty.
        `message` is kept with the job and shown to its handler.
        """
        arguments = [grace_ms, reason, int(unstarted), portion, message, *ids]
        return codec.decode_changes(await self._scripts.run("cancel", arguments))

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
        """A new run of dead or cancelled jobs: failures and crashes start at 0. Raises TooManyQueues."""
        how: list[Argument] = [delay_ms, payload or b"", queue or "", portion]
        changed = await self._requeue(DEFER if delay_ms else REDRIVE, how, ids)
        if any(answer.result is ChangeResult.TOO_MANY_QUEUES for answer in changed):
            raise TooManyQueues()
        return changed

    async def redrive_one(
        self, id: str, delay_ms: int = 0, payload: bytes | None = None, queue: str | None = None
    ) -> Changed:
        """Like redrive. Raises NotFound, InvalidState and UniqueConflict, too."""
        return (await self.redrive([id], delay_ms, payload, queue))[0].done()

    async def run_now(self, id: str) -> Changed:
        """Do not wait for the time of a job. Raises NotFound and InvalidState."""
        return (await self._requeue(RUN_NOW, [0, b"", "", ""], [id]))[0].done()

    async def _requeue(self, move: Move, how: Sequence[Argument], ids: Sequence[str]) -> list[Changed]:
        arguments = [move.name, *how, self._scripts.max_queues, *ids]
        return codec.decode_changes(await self._scripts.run("requeue", arguments))

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
        """Change a job that has not finished; `if_version` guards against a change by somebody else.

        Raises NotFound, InvalidState and VersionMismatch.
        """
        options: Argument = ""
        if retry is not None:
            key = keys.job(self._scripts.prefix, id=id)
            stored = (await self._queries.pipeline(lambda pipe: pipe.hget(key, "options")))[0]
            options = codec.with_retry(stored, retry) if stored else ""
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
        """The job that holds an id of arq's, which is a unique key of no queue."""
        key = keys.unique(self._scripts.prefix, queue="", key=id)
        return text((await self._queries.pipeline(lambda pipe: pipe.get(key)))[0])

    async def delete(self, ids: Sequence[str], *, portion: str = "") -> list[Changed]:
        """Forget finished jobs at once instead of at the end of their retention."""
        _, _, *words = await self._scripts.run("prune", [len(ids), portion, *ids])
        return [Changed(ChangeResult(word), None, 0) for word in texts(words)]

    async def delete_one(self, id: str) -> None:
        """Like delete. Raises NotFound, and InvalidState for a job that has not finished."""
        changed = (await self.delete([id]))[0]
        if changed.result is ChangeResult.ILLEGAL:
            job = await self._queries.job(id)
            changed = replace(changed, state=None if job is None else job.state)
        changed.done()


def batches(submissions: Sequence[Submission]) -> Iterator[list[Submission]]:
    """In order, each for one script call."""
    batch: list[Submission] = []
    size = 0
    for submission in submissions:
        if batch and (len(batch) == BATCH or size + len(submission.spec.payload) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(submission)
        size += len(submission.spec.payload)
    if batch:
        yield batch


def _optional(value: str | int | None) -> Argument:
    return "" if value is None else value


def _arguments(submission: Submission) -> list[Argument]:
    spec, idempotency = submission.spec, submission.idempotency
    unique = spec.unique
    return [
        submission.id,
        spec.name,
        spec.queue,
        spec.limit_key or "",
        spec.priority,
        spec.delay_ms,
        _optional(spec.run_at_ms),
        _optional(spec.expires_ms),
        _optional(spec.deadline_ms),
        spec.retention_ms,
        spec.payload,
        codec.encode_options(spec),
        codec.encode_tags(spec.tags),
        unique.key if unique else "",
        _until(unique) if unique else "",
        unique.on_conflict if unique else "",
        idempotency.digest() if idempotency else "",
        idempotency.request if idempotency else "",
        encode_spec(spec) if idempotency and idempotency.keeps else "",
        spec.failures,
    ]


def _until(unique: Unique) -> Argument:
    return f"result {unique.until.kept_ms}" if isinstance(unique.until, ResultForgotten) else unique.until
