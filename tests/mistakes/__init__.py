"""Mistakes that newcomers make: each response says what is wrong, where, and what to do."""
