"""Between domain values and the bytes that Redis holds: the one place that knows both."""
