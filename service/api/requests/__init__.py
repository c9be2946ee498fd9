"""Reads requests: protocol, limits, bodies, preconditions and long polls."""
