"""`triage bench`: measures an installation over HTTP, as its clients would use it."""
