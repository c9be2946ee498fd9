"""What submissions of every kind share: reading the spec, unknown job types, confirmation on a replica."""
