"""Turns payloads into calls of handlers, and what they return or raise into results and failures."""
