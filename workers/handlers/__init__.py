"""The handlers that the worker ships with: the examples of the README, and http.request."""
