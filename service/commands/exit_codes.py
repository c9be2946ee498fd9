"""Exit codes; docs/reference/command-line.md lists them."""

SUCCEEDED = 0
#: The API refused the request or cannot be reached; or not everything succeeded.
REFUSED = 1
#: A finished job, flow or fan-out that did not succeed.
DEAD, CANCELLED = 3, 4
#: It has not finished in time.
UNFINISHED = 5
INTERRUPTED = 130

#: Of commands that wait, by the final state. A flow or a fan-out is failed where a job is dead.
BY_STATE = {"succeeded": SUCCEEDED, "dead": DEAD, "failed": DEAD, "cancelled": CANCELLED}
