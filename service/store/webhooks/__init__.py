"""Webhooks: their endpoints, and the outbox from which workers deliver events."""
