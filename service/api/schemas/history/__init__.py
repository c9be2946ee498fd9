"""Schemas of the history and of event streams."""
