"""A live API holds what the document promises, whatever it is sent."""
