"""Describes the machine and the versions of a run."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from benchmarks.bench import Bench
from benchmarks.load.generator import generator
from benchmarks.processes import ROOT
from benchmarks.systems.system import INSTALLED


def _product(info: dict[str, Any]) -> str:
    return "Valkey" if "valkey_version" in info else "Redis"


async def machine(bench: Bench) -> dict[str, Any]:
    """`load`: load averages at the start of the run."""
    async with bench.server() as server:
        info = await server.redis.info("server")
        allocator = (await server.redis.info("memory"))["mem_allocator"]
    return {
        "cores": os.cpu_count(),
        "processor": _found(r"model name\s*: (.+)", Path("/proc/cpuinfo")),
        "memory_gib": round(int(_found(r"MemTotal:\s*(\d+)", Path("/proc/meminfo"))) / 2**20),
        "kernel": platform.release(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "commit": _printed("git", "rev-parse", "--short=12", "HEAD"),
        "changed": bool(_printed("git", "status", "--porcelain", "service", "workers", "triage")),
        "versions": {
            "Python": platform.python_version(),
            _product(info): f"{info.get('valkey_version') or info['redis_version']} ({allocator})",
            **{name: version(name) for name in ("fastapi", "uvicorn", "redis")},
        },
        "peers": {"Node": _printed("node", "--version").removeprefix("v"), **_peers()},
        "load_from": generator(),
    }


def _peers() -> dict[str, str]:
    wanted: dict[str, str] = orjson.loads((ROOT / "benchmarks/peers/bullmq/package.json").read_bytes())[
        "dependencies"
    ]
    packages = {
        name: orjson.loads((INSTALLED / f"bullmq/node_modules/{name}/package.json").read_bytes())["version"]
        for name in wanted
    }
    pinned = (ROOT / "benchmarks/peers/requirements.txt").read_text()
    return {
        **packages,
        **{name: _pin(name, pinned) for name in ("arq", "fastapi", "uvicorn")},
    }


def _pin(name: str, requirements: str) -> str:
    return re.findall(rf"^{name}==(.+)$", requirements, re.MULTILINE)[0]


def _found(pattern: str, file: Path) -> str:
    return re.findall(pattern, file.read_text())[0].strip()


def _printed(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
