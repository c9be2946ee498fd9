"""Jobs: submitting, reading, changing and cancelling them, one or many."""
