"""A live API behaves as the document promises, whatever it is sent."""
