"""Triage and its peers behind one interface."""
