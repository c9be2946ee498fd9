"""Output of commands: for people on a terminal, as plain text in a pipe, and as JSON for programs."""
