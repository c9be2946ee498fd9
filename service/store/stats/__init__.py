"""Keeps the history of queues and job types, minute by minute."""
