"""Compares Triage with stock arq, on one Redis, in one run."""
