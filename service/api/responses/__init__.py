"""Answers on their way out: resources, problems, explanations, redaction."""
