"""Tests without a server: pure functions and values."""
