"""The worker process: arq provides the shell, Triage's store holds all state."""
