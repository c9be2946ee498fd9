"""The OpenAPI document: how routes declare themselves, and what follows for every operation."""
