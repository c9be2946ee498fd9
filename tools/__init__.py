"""Tools for work on this repository; no release contains them."""
