"""What the hooks of a worker of several namespaces find in place of what belongs to one namespace."""

from typing import Any, NoReturn


class NoNamespace:
    """Explains itself when it is used: a wrong namespace would be worse than an error."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"ctx has no {name!r} here: this worker serves several namespaces, and on_startup and on_shutdown"
            " run once for all of them; use ctx['redis'] and ctx.limiter in a job"
        )


NO_NAMESPACE: Any = NoNamespace()
