"""Parameters of several routes."""

from typing import Annotated, Literal

from fastapi import Header, Path, Query

JobId = Annotated[str, Path(pattern=r"^job_[0-7][0-9A-HJKMNP-TV-Z]{25}$", description="The job's ID.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="Repeating a key and body within 24 h returns the same resource.",
    ),
]
Durability = Annotated[
    Literal["stored", "replicated"] | None,
    Header(
        description="`replicated`: respond once a replica of Redis has the submission, or with 503 "
        "`not_replicated`. Without it, the default of the queue applies, or `stored`."
    ),
]
FlowId = Annotated[str, Path(pattern=r"^flow_[0-7][0-9A-HJKMNP-TV-Z]{25}$", description="The flow's ID.")]
FanOutId = Annotated[str, Path(pattern=r"^fan_[0-7][0-9A-HJKMNP-TV-Z]{25}$", description="The fan-out's ID.")]
Search = Annotated[
    str | None,
    Query(
        pattern=r"^[^\x00-\x1f\x7f]{1,200}$",
        description="Text in the ID, the job type or a tag, in any case; or in the cause of a dead job, as "
        "GET /v1/dlq/groups shows it.",
    ),
]
