"""FastAPI without Triage."""
