"""Settings of every process: environment variables with the prefix TRIAGE_, or the file .env."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Literal

import structlog
from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from service.addresses import check_jwks_url, is_loopback
from service.domain.errors import ConfigurationInvalid
from service.queue_weights import parse_weights
from service.redis_url import check_redis_url
from service.service_links import service_links, without_service_links

log = structlog.get_logger("triage.settings")

PREFIX = "TRIAGE_"
NAMESPACE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
#: The module of the built-in job type.
HTTP_REQUEST = "workers.http.http_request"
#: Variables of the command line as a client, which may be set where processes start.
OF_CLIENTS = {"TRIAGE_URL", "TRIAGE_API_KEY"}


class Settings(BaseSettings):
    """Every field is one variable; its description, with the unit, is a row of docs/reference/settings.md."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    redis_url: str = Field(
        default="",
        repr=False,
        description="redis://, rediss:// or unix://. Empty: embedded, for `triage dev` only.",
    )
    namespace: str = Field(
        default="default",
        pattern=NAMESPACE_PATTERN,
        description="Namespace of a worker, and of requests without credentials in dev.",
    )
    host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port of the API; 0 = a free one, printed.")
    worker_host: str = Field(
        default="0.0.0.0",
        description="Address of a worker's probes and metrics; its `/drain` answers loopback only.",
    )
    worker_port: int = Field(
        default=8081,
        ge=0,
        le=65535,
        description="Port of a worker's probes, metrics and drain; 0 = a free one, printed.",
    )
    queues: str = Field(
        default="critical=6,default=3,bulk=1,*=1",
        description="Queues of a worker with their weights; `*` = every other queue in use.",
    )
    concurrency: int = Field(default=20, ge=1, le=10_000, description="Jobs at a time per worker.")
    handlers: str = Field(
        default="workers.handlers",
        description="Import paths of handler modules, comma-separated. The default is the sample handlers.",
    )
    lease_seconds: float = Field(
        default=15,
        ge=0.5,
        le=3600,
        description="Seconds: lease of a running job; renewed three times in its length.",
    )
    drain_seconds: float = Field(
        default=30, ge=0, le=86_400, description="Seconds that running jobs get at shutdown."
    )
    cancel_grace_seconds: float = Field(
        default=5,
        ge=0,
        le=3600,
        description="Seconds after a cancel or a timeout until the run is given up and fenced.",
    )
    min_retry_seconds: float = Field(
        default=1,
        ge=0.05,
        le=3600,
        description="Seconds: `Snooze`, `RateLimited` and `Retry-After` count as at least this long.",
    )
    max_deferrals: int = Field(
        default=100,
        ge=1,
        le=1_000_000,
        description="Times that an attempt may end in `Snooze` or `RateLimited`; the next one is a failure.",
    )
    stuck_threads_seconds: float = Field(
        default=600,
        ge=0,
        le=86_400,
        description="Seconds that the retry of a job waits for a run that does not end after its timeout,"
        " and that a worker whose slots are all held by such runs waits until it ends itself.",
    )
    max_queues: int = Field(
        default=1_000,
        ge=1,
        le=1_000_000,
        description="Queues of a namespace at most (429 `too_many_queues`); the same for API and workers.",
    )
    max_payload_bytes: int = Field(
        default=65_536,
        ge=2,
        le=16_777_216,
        description="Bytes: hard limit of a payload (413); above 1 KiB there is a warning header.",
    )
    max_body_bytes: int = Field(
        default=33_554_432,
        ge=65_536,
        le=268_435_456,
        description="Bytes: largest body of requests with many jobs (413). "
        "A process holds at most three times as many of all bodies together (503).",
    )
    request_seconds: float = Field(
        default=30,
        gt=0,
        le=3600,
        description="Seconds that a request's head, and its body, may take to come in.",
    )
    max_result_bytes: int = Field(
        default=1_048_576,
        ge=2,
        le=67_108_864,
        description="Bytes: a larger result makes the job dead, reason non_retryable.",
    )
    dlq_retention_seconds: float = Field(
        default=1_209_600,
        ge=0,
        description="Seconds that dead jobs are kept at least, whatever their own retention.",
    )
    # Off by default: only people know whether a pool that is gone comes back. Nothing is lost while its jobs
    # wait, and an alert tells of them. It is for namespaces in which clients invent or misspell job types.
    unroutable_seconds: float = Field(
        default=0,
        ge=0,
        description="Seconds that no worker has known the type of a queued job until it is dead; 0 = never.",
    )
    http_request: bool = Field(default=True, description="Workers run the built-in type `http.request`.")
    http_allow: str = Field(
        default="", description="Hosts or CIDRs that `http.request` may reach although they are not public."
    )
    http_signing_secret: SecretStr = Field(
        default=SecretStr(""),
        description="`whsec_...`: `http.request` signs what it sends (Standard Webhooks).",
    )
    metrics_open: bool = Field(
        default=False, description="/metrics of the API without a key although TRIAGE_AUTH=required."
    )
    auth: Literal["required", "off"] = Field(
        default="required",
        description="API keys, and tokens once TRIAGE_JWT_* are set; `off` only on a loopback address.",
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses or CIDRs, comma-separated, whose X-Forwarded-For names the client; `*` = all.",
    )
    allowed_hosts: str = Field(
        default="",
        description="Host names, comma-separated, that TRIAGE_AUTH=off answers for beside localhost.",
    )
    jwt_issuer: str = Field(
        default="", description="`iss` of tokens (JWT) that the API takes beside API keys."
    )
    jwt_audience: str = Field(default="", description="What `aud` of a token must name.")
    jwt_jwks_url: str = Field(
        default="",
        description="Public keys of the issuer (JWKS): https://, file:///, or http:// on a loopback address.",
    )
    jwt_namespace_claim: str = Field(
        default="triage_namespace", min_length=1, description="Claim of a token that names its namespace."
    )
    jwt_scopes_claim: str = Field(
        default="scope", min_length=1, description="Claim with its scopes: words in a string, or a list."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log lines to write; at `debug` one per request and per run."
    )
    log_format: Literal["json", "text"] = Field(
        default="json",
        description="`text`: for people, with message and traceback of failed jobs, which may quote payloads."
        " `triage dev` uses it.",
    )
    data_dir: Path = Field(
        default=Path(".triage"), description="Where `triage dev` keeps the data of the embedded server."
    )

    @field_validator("redis_url")
    @classmethod
    def _redis_url_is_one(cls, value: str) -> str:
        # Files and secrets often end with a line break.
        if url := value.strip():
            check_redis_url(url)
        return url

    @field_validator("queues")
    @classmethod
    def _queues_parse(cls, value: str) -> str:
        parse_weights(value)
        return value

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
            raise ValueError(
                f"TRIAGE_AUTH=off is only allowed on a loopback address, and TRIAGE_HOST is {self.host}"
            )
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
    def queue_weights(self) -> Mapping[str, int]:
        return parse_weights(self.queues)

    @cached_property
    def handler_paths(self) -> tuple[str, ...]:
        """The modules of TRIAGE_HANDLERS, and that of the built-in job type."""
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
    """Read the environment; raises ConfigurationInvalid with one line per problem, and no value in it."""
    unknown = sorted(_given_names() - {PREFIX + name.upper() for name in Settings.model_fields})
    problems = [f"{name}: there is no such setting." for name in unknown]
    try:
        settings = Settings()
    except ValidationError as error:
        for row in error.errors():
            name = PREFIX + str(row["loc"][0]).upper() if row["loc"] else "settings"
            problems.append(f"{name}: {row['msg'].removeprefix('Value error, ')}.")
        settings = None
    if settings is None or problems:
        raise ConfigurationInvalid("\n".join(problems))
    return settings


def ignored_variables() -> list[str]:
    """Variables that look like settings and that Kubernetes has set for its Services."""
    return sorted(name for name in service_links(os.environ) if name.upper().startswith(PREFIX))


def warn_of_ignored_variables() -> None:
    """One line of the log, if there are any."""
    if names := ignored_variables():
        log.warning("service_links_ignored", variables=names)


def _given_names() -> set[str]:
    names = {name.upper() for name in (*without_service_links(os.environ), *dotenv_values(".env"))}
    return {name for name in names if name.startswith(PREFIX)} - OF_CLIENTS
