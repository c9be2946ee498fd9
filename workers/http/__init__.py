"""Calls URLs safely: the handler `http.request` and its guards."""
