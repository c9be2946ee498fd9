"""Triage against stock arq, on one Redis, in one run."""
