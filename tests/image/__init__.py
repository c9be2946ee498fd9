"""Builds and runs the real image: `make image-test`."""
