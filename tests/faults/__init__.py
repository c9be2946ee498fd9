"""Faults between real processes: the network, Redis and the processes themselves."""
