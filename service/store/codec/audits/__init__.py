"""Audits: findings, reports, and what records count for."""
