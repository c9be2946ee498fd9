"""What every worker does besides running jobs: one duty per module. Many workers may do it at once."""
