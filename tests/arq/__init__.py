"""The behaviours that arq 0.28 promises to authors of functions and settings, one per test."""
