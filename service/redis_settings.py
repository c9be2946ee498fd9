"""Settings of the connection to Redis, as a part of all settings."""

from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from service.redis_url import check_redis_url, with_passwords


class RedisSettings(BaseSettings):
    """Each field is a variable, see Settings."""

    # Before the URL, whose validator reads them.
    redis_password: SecretStr = Field(
        default=SecretStr(""),
        description="Password of Redis, for a TRIAGE_REDIS_URL without one. Not percent-encoded.",
    )
    redis_sentinel_password: SecretStr = Field(
        default=SecretStr(""),
        description="Password of the Sentinels, for a TRIAGE_REDIS_URL without one. Not percent-encoded.",
    )
    redis_url: str = Field(
        default="",
        repr=False,
        description="URL of Redis, its Sentinels or a cluster. Empty: embedded server, only in `triage dev`.",
    )
    durability: Literal["stored", "replicated"] = Field(
        default="stored",
        description="Durability of submissions for which neither the request nor the queue sets one.",
    )
    replication_seconds: float = Field(
        default=0.5, ge=0.01, le=10, description="Longest wait for a replica of Redis, in seconds."
    )

    @field_validator("redis_url")
    @classmethod
    def _redis_url_is_one(cls, value: str, info: ValidationInfo) -> str:
        # Secrets from files often end with a line break.
        if url := value.strip():
            check_redis_url(url)
            names = ("redis_password", "redis_sentinel_password")
            secrets = (info.data[name].get_secret_value().strip("\r\n") for name in names)
            return with_passwords(url, *secrets)
        return url
