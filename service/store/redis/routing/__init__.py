"""Finds the master for a key under Sentinel and Redis Cluster, and follows it through failovers."""
