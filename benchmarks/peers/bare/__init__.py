"""What a request costs before there is any framework."""
