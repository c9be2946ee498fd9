"""Tests of what is written to Redis, on a real server."""
