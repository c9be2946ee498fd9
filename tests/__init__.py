"""Tests of Triage, each on a real server and in its own namespace."""
