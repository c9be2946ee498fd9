"""Stock arq."""
