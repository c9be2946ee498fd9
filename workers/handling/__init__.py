"""Finds handlers, and gives them their context while they run."""
