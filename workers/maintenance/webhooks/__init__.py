"""The duty that delivers the events of webhooks."""
