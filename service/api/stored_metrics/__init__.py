"""Metrics that the API reads from Redis, by feature."""
