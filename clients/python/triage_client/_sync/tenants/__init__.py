# Written by `make generate` from triage_client/_async/tenants/__init__.py: change that file.
"""API keys and namespaces."""
