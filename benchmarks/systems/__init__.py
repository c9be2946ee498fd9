"""Triage and its peers behind one face: a worker, submissions, and a count of what has finished."""
