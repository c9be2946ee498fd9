"""Converts between domain values and the bytes that Redis holds."""
