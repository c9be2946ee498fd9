"""The worker as a process: probes, drain, its event loop."""
