"""`triage dev` and `triage new`, without their processes."""
