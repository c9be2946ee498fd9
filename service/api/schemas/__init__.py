"""What requests may say and what answers hold: In models for the one, Out models for the other."""
