"""Handlers: finding them, and what they see and start while they run."""
