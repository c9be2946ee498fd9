"""Logs and traces of all processes."""
