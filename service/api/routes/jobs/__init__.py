"""Jobs: submitting, reading, steering, one or many."""
