"""Requests on their way in: bytes, bodies, limits, waiting."""
