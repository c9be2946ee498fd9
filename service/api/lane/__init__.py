"""A shortcut for the most frequent operations."""
