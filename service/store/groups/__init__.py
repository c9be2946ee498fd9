"""Flows and fan-outs: their records, their jobs, and their background tasks."""
