"""Errors as clients read them."""

from pydantic import BaseModel


class ProblemRow(BaseModel):
    """One thing that is wrong, and where: a JSON pointer into the body, or the name of a parameter."""

    pointer: str
    code: str
    message: str


class Problem(BaseModel):
    """An error (RFC 9457). `code` never changes its meaning; programs decide by it, people read `detail`.

    Some codes bring a member of their own: the job that holds a unique key, the state that forbids an
    action, the scope that the key lacks.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    retryable: bool
    request_id: str | None
    errors: list[ProblemRow]
    job_id: str | None = None
    current_state: str | None = None
    required_scope: str | None = None
