"""The interface for authors of handlers: `from triage import job, Context, Retry`.

`triage.names` lists the names. They are imported lazily: the `triage` command also starts in this package and
looks for packages that shadow `service` and `workers` before it imports either.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from triage.names import *  # noqa: F403
    from triage.names import __all__ as __all__


def __getattr__(name: str) -> object:
    names = import_module("triage.names")
    # Absent while that module itself is being imported, which accesses a submodule of this package.
    if name not in ("__all__", *getattr(names, "__all__", ())):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(names, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("triage.names").__all__})
