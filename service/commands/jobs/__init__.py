"""Commands on jobs, which stand at the top level: `triage submit`, `list`, `get`, `cancel`, `tail`."""
