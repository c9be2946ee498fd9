"""Triage's service: the domain, the store, the HTTP API and the command line."""
