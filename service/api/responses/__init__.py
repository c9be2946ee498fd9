"""Writes responses: resources, problems, explanations, redaction."""
