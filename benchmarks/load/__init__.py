"""Load on a server: many requests over connections that stay open."""
