"""Plain Python that decides: no I/O, no await, no clock."""
