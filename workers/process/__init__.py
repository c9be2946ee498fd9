"""The worker as a process: how it is put together, registers, is probed, and watches its event loop."""
