"""The OpenAPI document: declarations of routes, and what the document derives from them."""
