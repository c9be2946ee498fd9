"""Watches the Python files of a project."""

import threading
from pathlib import Path

from watchfiles import Change, watch

from service.dev_server.discovery import source_folders

#: How long files must be unchanged before a reload, and how often the thread checks whether to stop, in ms.
_DEBOUNCE_MS, _TIMEOUT_MS = 300, 500


class Watcher(threading.Thread):
    """Collects changed files until `take` is called.

    It watches folders one by one, because a virtual environment has thousands that never change.
    """

    def __init__(self, root: Path, stop: threading.Event) -> None:
        super().__init__(name="watcher", daemon=True)
        self._root = root
        self._stopping = stop
        self._lock = threading.Lock()
        self._changed: set[str] = set()

    def take(self) -> list[str]:
        """The files that have changed since the last call, relative to the root."""
        with self._lock:
            changed, self._changed = self._changed, set()
        return sorted(changed)

    def run(self) -> None:
        while not self._stopping.is_set():
            self._watch(source_folders(self._root))

    def _watch(self, folders: list[Path]) -> None:
        """Return when there may be a new folder."""
        for changes in watch(
            *folders,
            watch_filter=_matters,
            debounce=_DEBOUNCE_MS,
            rust_timeout=_TIMEOUT_MS,
            stop_event=self._stopping,
            recursive=False,
            raise_interrupt=False,
        ):
            files = {path for _, path in changes if path.endswith(".py")}
            with self._lock:
                self._changed |= {str(Path(path).relative_to(self._root)) for path in files}
            if len(files) < len(changes):
                return


def _matters(change: Change, path: str) -> bool:
    name = Path(path).name
    if path.endswith(".py"):
        return True
    # A new folder may be a package.
    return change is Change.added and name.isidentifier() and not name.startswith("__")
