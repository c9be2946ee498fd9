"""Namespaces as a resource, and the memory that they use."""
