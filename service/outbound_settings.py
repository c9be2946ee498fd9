"""Settings of the calls that workers make to other services, as a part of all settings."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class OutboundSettings(BaseSettings):
    """Each field is a variable, see Settings."""

    http_request: bool = Field(default=True, description="Workers run the built-in type `http.request`.")
    http_allow: str = Field(
        default="", description="Hosts or CIDRs, not public, that `http.request` and webhooks may reach."
    )
    http_signing_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Secret (`whsec_...`) with which `http.request` signs requests (Standard Webhooks).",
    )
    webhooks: bool = Field(
        default=True, description="The worker delivers events to webhooks. At least one worker must."
    )
    webhook_seconds: float = Field(
        default=15,
        ge=0.1,
        le=60,
        description="How long an attempt to deliver an event to a webhook may take, in seconds.",
    )
