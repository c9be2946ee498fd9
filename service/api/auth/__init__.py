"""Authentication: the caller, and the address of the request."""
