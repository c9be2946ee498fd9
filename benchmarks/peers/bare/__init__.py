"""An application without a framework."""
