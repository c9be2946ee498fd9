"""Compares Triage with its peers, in turn, in one run."""
