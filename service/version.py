"""The version of the distribution, from pyproject.toml."""

from importlib.metadata import version

VERSION = version("triage-jobs")
