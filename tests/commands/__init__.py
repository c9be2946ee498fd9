"""Tests of what commands are made of; tests/e2e runs them as processes."""
