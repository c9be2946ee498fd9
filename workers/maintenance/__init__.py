"""A worker's maintenance duties, one per module. Many workers may run them at the same time."""
