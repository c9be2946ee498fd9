"""The image is built and run for real: `make image-test`."""
