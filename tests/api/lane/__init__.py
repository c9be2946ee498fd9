"""The lane holds to what the application without it would do."""
