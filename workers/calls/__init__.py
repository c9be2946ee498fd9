"""From a payload to a call, and from what the call returns or raises to what is stored."""
