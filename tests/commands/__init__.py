"""Tests of the parts of commands; tests/e2e runs whole commands as processes."""
