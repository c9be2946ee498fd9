"""Flows and fan-outs: their records, their jobs, and the tasks that end them."""
