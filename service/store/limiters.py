"""Rates that handlers share over all workers: `ctx.limiter`."""

from service.store.redis.scripts import Scripts


class Limiters:
    """The limiters of one namespace that belong to no queue and no fan-out."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def acquire(self, name: str, limit: int, per_ms: int, who: str) -> float:
        """Seconds to wait before asking again as the same `who`; 0 when this one counts as a start now."""
        return int(await self._scripts.run("acquire_rate", [name, limit, per_ms, who])) / 1_000_000
