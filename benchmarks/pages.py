"""Measures what pages read while 1,000 queues hold a million jobs: `python -m benchmarks.pages`.

A browser opens each page; then each of its API requests is repeated without the browser, which would compete
for the cores.
"""

import argparse
import asyncio
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.async_api import async_playwright

from benchmarks.bench import Bench, Server
from benchmarks.ports import free_port
from benchmarks.processes import ROOT, until
from benchmarks.scenes import Scene
from benchmarks.systems.triage import NAMESPACE, api, finished, worker
from service.store.namespace import Namespace

CHROMIUM = ROOT / ".cache/browser/chromium"
JOBS, QUEUES, FINISHED, REPEATS = 1_000_000, 1_000, 20_000, 9
#: A page has loaded once it has sent no request for this long, in seconds; event streams stay open.
QUIET = 1.5
STREAM = "/v1/events"
ROW = "{:>9}  {:>7}  {}"


@dataclass(frozen=True, slots=True)
class Reading:
    path: str
    #: The median.
    ms: float
    #: The bytes on the network, compressed if the API does that.
    size: int


async def add_jobs(server: Server, jobs: int) -> None:
    """Queue the jobs, and run some of them."""
    await Scene("", jobs + FINISHED, QUEUES).set_up(Namespace(server.redis, NAMESPACE, 0))
    async with worker(server.url, Path("/dev/null")):

        async def enough() -> bool:
            return await finished(server) >= FINISHED

        await until(enough)


async def requests_of(page: str) -> list[str]:
    """The addresses that a page loads, in order."""
    urls: list[str] = []
    last = time.monotonic()

    def sent(url: str) -> None:
        nonlocal last
        urls.append(url)
        last = time.monotonic()

    async def settled() -> bool:
        return time.monotonic() - last > QUIET

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
        tab = await browser.new_page()
        tab.on("request", lambda request: sent(request.url))
        await tab.goto(page)
        await until(settled)
        await browser.close()
    return urls


async def read(http: httpx.AsyncClient, url: str) -> Reading:
    times: list[float] = []
    size = 0
    for _ in range(REPEATS):
        began = time.monotonic()
        response = await http.get(url)
        times.append((time.monotonic() - began) * 1000)
        response.raise_for_status()
        size = response.num_bytes_downloaded
    return Reading(url.removeprefix(str(http.base_url)), statistics.median(times), size)


async def measure(http: httpx.AsyncClient, title: str, fragment: str) -> None:
    page = f"{http.base_url}/dashboard{fragment}"
    readings = [await read(http, url) for url in await requests_of(page) if STREAM not in url]
    api_readings = [reading for reading in readings if reading.path.startswith("/v1/")]
    print(f"\n{title}\n{ROW.format('API ms', 'KB', '')}")
    for reading in api_readings:
        print(ROW.format(f"{reading.ms:.1f}", f"{reading.size / 1000:.1f}", reading.path))
    total = sum(reading.ms for reading in api_readings), sum(reading.size for reading in api_readings)
    print(ROW.format(f"{total[0]:.1f}", f"{total[1] / 1000:.1f}", "all readings"))
    files = sum(reading.size for reading in readings) - total[1]
    print(ROW.format("", f"{files / 1000:.1f}", "scripts and styles, which the browser keeps"))


async def run(jobs: int, binary: Path | None) -> None:
    async with Bench(binary=binary) as bench, bench.server() as server:
        await add_jobs(server, jobs)
        port = free_port()
        async with api(server.url, port), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:

            async def ready() -> bool:
                try:
                    return (await http.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(ready)
            (job,) = (await http.get("/v1/jobs?state=succeeded&limit=1")).json()["items"]
            await measure(http, f"Overview, with {jobs:,} jobs in {QUEUES:,} queues", "")
            await measure(http, "A job", f"#jobs/{job['id']}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.pages", description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--server", type=Path, help="its binary (default: the embedded Valkey)")
    given = parser.parse_args()
    asyncio.run(run(given.jobs, given.server))


if __name__ == "__main__":
    main()
