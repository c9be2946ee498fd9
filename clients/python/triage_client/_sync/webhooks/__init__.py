# Written by `make generate` from triage_client/_async/webhooks/__init__.py: change that file.
"""Webhooks and their deliveries."""
