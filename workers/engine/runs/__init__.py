"""A run of a job, from its lease to its outcome."""
