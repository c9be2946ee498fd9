"""Triage's service side: what a job is, where it is kept, and the HTTP front door."""
