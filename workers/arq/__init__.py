"""arq's surface: its settings, hooks, jobs and command line."""
