"""Stock arq as its users run it."""
