"""Tells waiting requests that a job or a group has changed."""
