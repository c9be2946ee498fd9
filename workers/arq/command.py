"""`--check` and `--watch` of arq's command line, for Triage's workers."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import arq.cli
import arq.worker

from service.domain.errors import TriageError
from service.settings import load_settings
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from service.store.tenants.tenants import Tenants

#: The interval between checks for changed files, in seconds.
CHECK_SECONDS = 0.5


async def check_health(*_: object) -> int:
    """Return 0 if every namespace of this worker has a live one, else 1."""
    settings = load_settings()
    redis, weights = connect(settings.redis_url), settings.namespace_weights
    try:
        names = weights.among(await Tenants(redis).names() if weights.patterns else ())
        found = [await Namespace(redis, name, settings.dead_retention_ms).workers.alive() for name in names]
    except TriageError as error:
        sys.stderr.write(f"Health check failed: {error.code}\n")
        return 1
    finally:
        await redis.aclose()
    if missing := [name for name, alive in zip(names, found, strict=True) if not alive]:
        sys.stderr.write(f"Health check failed: no worker of namespace {', '.join(missing)} is alive\n")
        return 1
    count = len({worker.id for alive in found for worker in alive})
    sys.stderr.write(f"Health check successful: {count} workers are alive\n")
    return 0


async def watch_reload(path: str, worker_settings: Any) -> None:
    """Run the worker in a subprocess, and start a new one whenever a Python file below `path` changes.

    A new process, because Python cannot replace imported modules.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    worker, before = await _start(), await asyncio.to_thread(_read, path)
    try:
        while not stopping.is_set() and worker.returncode is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), CHECK_SECONDS)
            now = await asyncio.to_thread(_read, path)
            if now != before and not stopping.is_set():
                sys.stderr.write("files changed, restarting the worker\n")
                await _end(worker)
                worker, before = await _start(), now
    finally:
        await _end(worker)
    if worker.returncode:
        raise SystemExit(worker.returncode)


async def _start() -> Process:
    # arq's command also adds the current directory.
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), os.getcwd())))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "workers.main", env={**os.environ, "PYTHONPATH": path}
    )


async def _end(worker: Process) -> None:
    """Drain it: finish running jobs or hand them back."""
    with contextlib.suppress(ProcessLookupError):
        worker.terminate()
    await worker.wait()


def _read(path: str) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for file in Path(path).rglob("*.py"):
        with contextlib.suppress(OSError):
            found[str(file)] = file.stat().st_mtime_ns
    return found


def install() -> None:
    """Replace the functions that arq's command line looks up in its own modules."""
    arq.worker.async_check_health = check_health
    arq.cli.watch_reload = watch_reload
