"""Rates that handlers share across all workers: `ctx.limiter`."""

from service.store.redis.scripts import Scripts


class Limiters:
    """The limiters of one namespace that belong neither to a queue nor to a fan-out."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def acquire(self, name: str, limit: int, per_ms: int, who: str) -> float:
        """Return 0 and count a start if the rate allows it, else the seconds after which `who` may retry."""
        return int(await self._scripts.run("acquire_rate", [name, limit, per_ms, who])) / 1_000_000
