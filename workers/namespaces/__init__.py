"""The namespaces that a worker serves: the parts of each, and the set of them."""
