"""One run of one job, from its lease to its outcome."""
