"""The HTTP API: translates between HTTP and the domain, and knows nothing about Redis."""
