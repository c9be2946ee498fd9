"""The worker process: arq is the shell, the store is the truth."""
