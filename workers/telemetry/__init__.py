"""What a worker measures."""
