"""What every worker does beside running jobs, one duty per file; any number of them may do it at once."""
