"""Measures each call of a Lua command by the CPU time of the thread that runs it."""

import statistics
from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from benchmarks.processes import ROOT
from service.store.redis.scripts import Argument, Scripts

COMMANDS = frozenset(path.stem for path in (ROOT / "service/store/lua/commands").glob("*.lua"))


class Meter:
    """The calls of one round. The figure of a call includes reading its request and writing its reply."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self.scene = ""
        #: Milliseconds of each call, and the scene, by command.
        self.calls: Mapping[str, list[tuple[float, str]]] = defaultdict(list)

    @contextmanager
    def running(self) -> Generator[None]:
        """Measure all calls of all namespaces: one client, so nothing else uses the thread."""
        run: Callable[..., Awaitable[Any]] = Scripts.run

        async def measured(scripts: Scripts, name: str, arguments: Sequence[Argument], now: str = "") -> Any:
            before = await self._cpu_ms()
            try:
                return await run(scripts, name, arguments, now)
            finally:
                self.calls[name].append((await self._cpu_ms() - before, self.scene))

        with patch.object(Scripts, "run", measured):
            yield

    async def _cpu_ms(self) -> float:
        used = await self._redis.info("cpu")
        return 1000 * float(used["used_cpu_user_main_thread"] + used["used_cpu_sys_main_thread"])


def table(rounds: Sequence[Meter], *, partial: bool = False) -> list[tuple[str, int, float, float, str]]:
    """Per command: its calls, their median, the median of the longest ones of each round, and the scene.

    Raises ValueError if a command is missing, unless the scenes were only some (`partial`).
    """
    rows: list[tuple[str, int, float, float, str]] = []
    for name in sorted(COMMANDS):
        found = [meter.calls[name] for meter in rounds if name in meter.calls]
        if not found and partial:
            continue
        if not found:
            raise ValueError(f"{name} was not called")
        longest = sorted(max(calls) for calls in found)
        ms, scene = longest[len(longest) // 2]
        every = [ms for calls in found for ms, _ in calls]
        rows.append((name, len(every), statistics.median(every), ms, scene))
    return sorted(rows, key=lambda row: row[3], reverse=True)


def by_scene(meter: Meter) -> dict[str, str]:
    """The longest calls of each command that takes long, by scene."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for name, calls in meter.calls.items():
        for ms, scene in calls:
            found[name][scene] = max(ms, found[name].get(scene, 0))
    return {
        name: ", ".join(f"{scene} {ms:.1f}" for scene, ms in sorted(scenes.items(), key=lambda row: -row[1]))
        for name, scenes in found.items()
        if max(scenes.values()) > 5
    }
