"""The version of the distribution, which pyproject.toml says."""

from importlib.metadata import version

VERSION = version("triage-jobs")
