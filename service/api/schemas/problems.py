"""Schemas of problems."""

from pydantic import BaseModel


class ProblemRow(BaseModel):
    """One error and its location: a JSON pointer into the body, or a parameter's name."""

    pointer: str
    code: str
    message: str


class Problem(BaseModel):
    """An error (RFC 9457). Programs rely on `code`, whose meaning never changes; `detail` is for people.

    Some codes add a member: the job that holds a unique key, the state that prevents an action, or the scope
    that the key lacks.
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
