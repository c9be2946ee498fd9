"""Keys of single features; keys.py has all others."""
