"""Programs of the peers, which run as processes with their own libraries."""
