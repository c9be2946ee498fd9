"""promtool, as `make promtool` provides it."""

import subprocess
from pathlib import Path

import pytest

PROMTOOL = Path(__file__).resolve().parents[2] / ".cache/prometheus/promtool"


def promtool(*arguments: str | Path) -> str:
    """The output of promtool, which must succeed; a missing promtool fails the test."""
    if not PROMTOOL.exists():
        pytest.fail(f"{PROMTOOL} is missing: run `make promtool`.", pytrace=False)
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
