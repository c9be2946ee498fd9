"""Commands on API keys and webhooks."""
