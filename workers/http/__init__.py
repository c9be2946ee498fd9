"""How handlers call URLs."""
