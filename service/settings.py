"""Settings of all processes, from environment variables with the prefix TRIAGE_ or the file .env."""

import os
from functools import cached_property
from pathlib import Path
from typing import Literal

import structlog
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from service.addresses import check_jwks_url, is_loopback
from service.domain.errors import ConfigurationInvalid
from service.domain.phrases import phrase
from service.environment import PREFIX, sentence, unknown_settings
from service.redis_settings import RedisSettings
from service.service_links import service_links, without_service_links
from service.work_settings import WorkSettings

log = structlog.get_logger("triage.settings")

#: The module of the built-in job type.
HTTP_REQUEST = "workers.http.http_request"


class Settings(WorkSettings, RedisSettings):
    """Each field is a variable, and its description, with the unit, a row of docs/reference/settings.md."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    host: str = Field(default="127.0.0.1", description="Address on which the API listens.")
    port: int = Field(default=8080, ge=0, le=65535, description="API port; 0 picks and prints a free one.")
    api_processes: int = Field(
        default=1, ge=1, le=64, description="Processes of `triage api` that serve its port together."
    )
    worker_host: str = Field(
        default="0.0.0.0",
        description="Address of a worker's probes and metrics. `/drain` responds on loopback only.",
    )
    worker_port: int = Field(
        default=8081,
        ge=0,
        le=65535,
        description="Port of a worker's probes, metrics and drain. 0 picks a free port and prints it.",
    )
    concurrency: int = Field(default=20, ge=1, le=10_000, description="Jobs that a worker runs at a time.")
    handlers: str = Field(
        default="workers.handlers",
        description="Import paths of handler modules, comma-separated. The default is the sample handlers.",
    )
    lease_seconds: float = Field(
        default=15,
        ge=0.5,
        le=3600,
        description="Lease of a running job, in seconds. The worker renews it at a third of that.",
    )
    drain_seconds: float = Field(
        default=30, ge=0, le=86_400, description="How long running jobs may continue at shutdown, in seconds."
    )
    cancel_grace_seconds: float = Field(
        default=5,
        ge=0,
        le=3600,
        description="Grace period after a cancel or timeout before the run is fenced, in seconds.",
    )
    min_retry_seconds: float = Field(
        default=1,
        ge=0.05,
        le=3600,
        description="Shortest delay of `Snooze`, `RateLimited` and `Retry-After`, in seconds.",
    )
    max_deferrals: int = Field(
        default=100,
        ge=1,
        le=1_000_000,
        description="How often an attempt may end in `Snooze` or `RateLimited` before that is a failure.",
    )
    stuck_threads_seconds: float = Field(
        default=600,
        ge=0,
        le=86_400,
        description="How long a retry waits for a run that outlives its timeout, in seconds. "
        "A worker whose slots are all held by such runs exits after the same time.",
    )
    max_queues: int = Field(
        default=1_000,
        ge=1,
        le=1_000_000,
        description="Most queues per namespace (429 `too_many_queues`). Set it alike for API and workers.",
    )
    max_payload_bytes: int = Field(
        default=65_536,
        ge=2,
        le=16_777_216,
        description="Largest payload (413), in bytes. Above 1 KiB, the response has a warning header.",
    )
    max_body_bytes: int = Field(
        default=33_554_432,
        ge=65_536,
        le=268_435_456,
        description="Largest body of requests with many jobs (413), in bytes. "
        "The limit for all bodies in a process together is three times that (503).",
    )
    request_seconds: float = Field(
        default=30,
        gt=0,
        le=3600,
        description="How long receiving a request's headers, and its body, may take, in seconds.",
    )
    max_result_bytes: int = Field(
        default=1_048_576,
        ge=2,
        le=67_108_864,
        description="Largest result, in bytes. A larger one makes the job dead, reason non_retryable.",
    )
    dlq_retention_seconds: float = Field(
        default=1_209_600,
        ge=0,
        description="Shortest retention of dead jobs, in seconds, even if their own is shorter.",
    )
    # Off by default, since only operators know whether a missing pool will come back. Jobs can wait
    # meanwhile, and an alert reports them. It is for namespaces whose clients may use misspelt job types.
    unroutable_seconds: float = Field(
        default=0,
        ge=0,
        description="How long a queued job may have a type that no worker knows, in seconds; 0 = forever.",
    )
    audit_seconds: float = Field(
        default=3_600,
        ge=0,
        description="Interval between audits of a namespace, in seconds; 0 = only when requested.",
    )
    unknown_types: Literal["warn", "refuse_similar", "refuse"] = Field(
        default="warn",
        description="What a submission of a type that no live worker knows gets: a `Triage-Warning` header, "
        "or 422 `unknown_job_type`, always or if a similar name is known. `triage dev`: `refuse_similar`.",
    )
    metrics_open: bool = Field(
        default=False, description="Serve the API's /metrics without a key, even with TRIAGE_AUTH=required."
    )
    auth: Literal["required", "off"] = Field(
        default="required",
        description="`required`: API keys, or tokens with TRIAGE_JWT_*; `off`: on a loopback address only.",
    )
    trusted_proxies: str = Field(
        default="",
        description="Proxies to trust for X-Forwarded-For: addresses or CIDRs, comma-separated; `*` = all.",
    )
    allowed_hosts: str = Field(
        default="", description="Host names besides localhost that TRIAGE_AUTH=off accepts, comma-separated."
    )
    environment_label: str = Field(
        default="", max_length=40, description="Text on the dashboard, such as `production` or `staging`."
    )
    jwt_issuer: str = Field(
        default="", description="Issuer (`iss`) of tokens (JWT) that the API accepts in addition to API keys."
    )
    jwt_audience: str = Field(default="", description="Audience that a token's `aud` must include.")
    jwt_jwks_url: str = Field(
        default="",
        description="URL of the issuer's keys (JWKS): https://, file:///, or http:// on a loopback address.",
    )
    jwt_namespace_claim: str = Field(
        default="triage_namespace", min_length=1, description="Claim of a token that holds its namespace."
    )
    jwt_scopes_claim: str = Field(
        default="scope", min_length=1, description="Claim with a token's scopes: a string of words or a list."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Lowest log level to write; `debug` adds a line per request and run."
    )
    log_format: Literal["json", "text"] = Field(
        default="json",
        description="`text` is for people, with messages and tracebacks of failed jobs, which may quote "
        "payloads. `triage dev` uses it.",
    )
    data_dir: Path = Field(
        default=Path(".triage"), description="Where `triage dev` keeps the data of the embedded server."
    )

    @field_validator("jwt_jwks_url")
    @classmethod
    def _keys_come_safely(cls, value: str) -> str:
        if value:
            check_jwks_url(value)
        return value

    @model_validator(mode="after")
    def _jwt_is_whole(self) -> "Settings":
        if len({bool(part) for part in (self.jwt_issuer, self.jwt_audience, self.jwt_jwks_url)}) > 1:
            raise ValueError(
                "TRIAGE_JWT_ISSUER, TRIAGE_JWT_AUDIENCE and TRIAGE_JWT_JWKS_URL belong together:"
                " set all three or none"
            )
        return self

    @model_validator(mode="after")
    def _open_only_on_loopback(self) -> "Settings":
        if self.auth == "off" and not is_loopback(self.host):
            raise ValueError(f"TRIAGE_AUTH=off requires a loopback address, but TRIAGE_HOST is {self.host}")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        assert isinstance(env_settings, EnvSettingsSource)
        env_settings.env_vars = without_service_links(env_settings.env_vars)
        return init_settings, env_settings, dotenv_settings

    @cached_property
    def handler_paths(self) -> tuple[str, ...]:
        """The modules of TRIAGE_HANDLERS, and the module of the built-in job type."""
        paths = (*self.handlers.split(","), HTTP_REQUEST if self.http_request else "")
        return tuple(path.strip() for path in paths if path.strip())

    @cached_property
    def allowed_host_names(self) -> tuple[str, ...]:
        return tuple(name.strip() for name in self.allowed_hosts.split(",") if name.strip())

    @property
    def dead_retention_ms(self) -> int:
        return round(self.dlq_retention_seconds * 1000)

    @property
    def lease_ms(self) -> int:
        return round(self.lease_seconds * 1000)


def load_settings() -> Settings:
    """Read the environment; raises ConfigurationInvalid with a line per problem, which quotes no value."""
    problems = unknown_settings(Settings.model_fields)
    try:
        settings = Settings()
    except ValidationError as error:
        for row in error.errors():
            # A rule about several settings names them.
            name = f"{PREFIX}{str(row['loc'][0]).upper()}: " if row["loc"] else ""
            problems.append(sentence(name + phrase(row)))
        settings = None
    if settings is None or problems:
        raise ConfigurationInvalid("\n".join(problems))
    return settings


def need_redis(settings: Settings) -> None:
    """Raises ConfigurationInvalid without a URL."""
    if not settings.redis_url:
        raise ConfigurationInvalid(
            "TRIAGE_REDIS_URL: required here; only `triage dev` starts an embedded server."
        )


def ignored_variables() -> list[str]:
    """Variables that look like settings, but that Kubernetes has set for Services."""
    return sorted(name for name in service_links(os.environ) if name.upper().startswith(PREFIX))


def warn_of_ignored_variables() -> None:
    """Log them, if there are any."""
    if names := ignored_variables():
        log.warning("service_links_ignored", variables=names)
