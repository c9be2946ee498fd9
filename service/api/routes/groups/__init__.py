"""Flows and fan-outs."""
