"""A short way through the application for the operations that are called most."""
