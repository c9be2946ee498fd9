# Written by `make generate` from triage_client/_async/__init__.py: change that file.
"""The client for blocking code."""
