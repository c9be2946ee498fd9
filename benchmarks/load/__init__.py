"""Load generators: many requests over keep-alive connections."""
