"""Compatibility with arq: its settings, hooks, jobs and command line."""
