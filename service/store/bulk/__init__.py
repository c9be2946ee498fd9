"""Bulk actions: one action on every job that matches."""
