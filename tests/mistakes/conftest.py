"""The API on a fresh namespace."""

from tests.api.conftest import api as api
