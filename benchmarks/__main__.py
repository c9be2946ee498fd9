"""`make bench`: measures Triage and stock arq 0.28 in turn, on one Redis."""

import asyncio
import statistics
import tempfile
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from benchmarks import drain, flows, http, idle, pickup, punctuality
from service.store.redis.embedded import EmbeddedServer

ROUNDS = 3


async def measure(server: EmbeddedServer, directory: Path) -> None:
    redis = Redis.from_url(server.url)
    stock: list[drain.Drain] = []
    triage: list[drain.Drain] = []
    for round in range(ROUNDS):
        stock.append(await drain.stock(redis, server.url, directory / f"stock-{round}"))
        triage.append(await drain.triage(redis, server.url, directory / f"triage-{round}"))
        print(f"drain {round + 1}: stock arq {stock[-1]}")
        print(f"drain {round + 1}: Triage    {triage[-1]}")
    pairs = zip(triage, stock, strict=True)
    ratio = statistics.median(mine.per_second / theirs.per_second for mine, theirs in pairs)
    print(f"drain of {drain.JOBS:,} no-op jobs, one worker, 100 at a time: {ratio:.1f} x stock arq")
    p50, p99 = await pickup.measure(redis, server.url, directory / "pickup")
    print(f"pick-up by an idle worker: p50 {p50 * 1000:.2f} ms, p99 {p99 * 1000:.2f} ms")
    (late50, late99), shares = await punctuality.measure(redis, server.url)
    print(f"delayed jobs on an idle worker: p50 {late50:.0f} ms late, p99 {late99:.0f} ms")
    print("smooth rates reached: " + ", ".join(f"{rate}/s {share:.1%}" for rate, share in shares.items()))
    await submissions(redis, server.url)
    sent, ran = await idle.measure(redis, server.url)
    print(f"one idle worker: {sent:.2f} Redis commands/s sent, {ran:.2f} run with those inside scripts")
    for line in await flows.measure(redis, server.url):
        print(line)
    await redis.aclose()


async def submissions(redis: Any, url: str) -> None:
    ratios: list[float] = []
    for round in range(ROUNDS):
        theirs, mine = await http.stock(redis, url), await http.triage(redis, url)
        ratios.append(mine.per_second / theirs.per_second)
        print(f"POST /v1/jobs {round + 1}: FastAPI and stock arq {theirs}")
        print(f"POST /v1/jobs {round + 1}: Triage                {mine}")
    print(f"POST /v1/jobs, {http.CONNECTIONS} connections: {statistics.median(ratios):.1f} x stock arq")
    print(f"POST /v1/jobs/bulk, {http.BULK:,} jobs each: {await http.bulk(redis, url)}")


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, EmbeddedServer(Path(directory) / "redis") as server:
        print(f"server: {server.url.split(':')[0]} socket, append-only file on")
        asyncio.run(measure(server, Path(directory)))


if __name__ == "__main__":
    main()
