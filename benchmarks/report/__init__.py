"""Renders the results of the last run for the documentation."""

from pathlib import Path

LATEST = Path(__file__).resolve().parents[1] / "results/latest.json"
