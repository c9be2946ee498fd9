"""Connections, keys, scripts and errors: how the store speaks to Redis."""
