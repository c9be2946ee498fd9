"""Results as a table, a plot and a table of sizes: for the documents, from the file of the last run."""

from pathlib import Path

LATEST = Path(__file__).resolve().parents[1] / "results/latest.json"
