"""Tests of Triage: each on a real server, in a namespace of its own."""
