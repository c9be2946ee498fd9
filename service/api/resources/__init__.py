"""What several routes share, one file per resource."""
