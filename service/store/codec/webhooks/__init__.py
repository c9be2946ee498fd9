"""The records of webhooks: callbacks, endpoints and deliveries."""
