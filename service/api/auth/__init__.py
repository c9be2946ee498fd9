"""Authentication: API keys, tokens and their issuer, and the origin of requests."""
