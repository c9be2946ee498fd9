"""Code that several routes share, one file per resource."""
