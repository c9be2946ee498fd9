"""From a payload to a call, and from what it returns or raises to what is kept."""
