"""Importing this raises ImportError if another package shadows `service` or `workers`."""

from triage.shadowing import find_shadow

if message := find_shadow():
    raise ImportError(message)
