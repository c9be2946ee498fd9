"""Commands on flows and fan-outs."""
