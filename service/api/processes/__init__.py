"""`triage api --processes`: several processes that serve one port, and the one that supervises them."""
