"""Builds the OpenAPI document without Redis, independently of the environment."""

import os
from typing import Any

from service.api.app import create_app
from service.clock import Clock
from service.domain.ids import IdFactory
from service.settings import Settings
from service.store.redis.connect import connect


def openapi_document() -> dict[str, Any]:
    """Never connects: the application does not use its client here."""
    settings = Settings.model_construct()
    clock = Clock()
    app = create_app(settings, connect("redis://localhost"), clock, IdFactory(clock.now_ms, os.urandom))
    return app.openapi()
