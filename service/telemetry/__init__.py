"""Logs and traces, as every process writes them."""
