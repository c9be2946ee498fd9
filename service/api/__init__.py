"""The HTTP front door: it translates between HTTP and the domain, and knows nothing of Redis."""
