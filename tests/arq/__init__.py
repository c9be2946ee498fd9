"""What arq 0.28 promises to those who write functions and settings for it, one behaviour per test."""
