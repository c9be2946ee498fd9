"""Schemas: In models for requests, Out models for responses."""
