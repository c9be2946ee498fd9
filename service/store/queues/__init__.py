"""Queues: settings, contents, counts."""
