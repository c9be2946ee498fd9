"""Claims jobs, runs them and writes their outcomes."""
