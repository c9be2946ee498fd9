"""API keys and namespaces."""
