"""Claims jobs, runs them, writes how they ended."""
