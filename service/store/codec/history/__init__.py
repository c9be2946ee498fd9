"""How the history, the log of events and the groups of dead letters are stored."""
