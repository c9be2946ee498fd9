"""Event streams of a resource, a queue and a namespace."""
