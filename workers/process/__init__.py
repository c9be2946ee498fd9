"""The worker process: composition, registration, probes, and monitoring of its event loop."""
