"""Settings that say what a worker serves."""

from collections.abc import Mapping
from functools import cached_property

from pydantic import Field, ValidationInfo, field_validator

from service.domain.tenant import NAMESPACE_PATTERN
from service.namespace_weights import NamespaceWeights, parse_namespaces
from service.outbound_settings import OutboundSettings
from service.queue_weights import parse_weights


class WorkSettings(OutboundSettings):
    """A part of service/settings.py."""

    namespace: str = Field(
        default="default",
        pattern=NAMESPACE_PATTERN,
        description="Namespace of a worker, and of requests without credentials under `triage dev`.",
    )
    namespaces: str = Field(
        default="",
        description="Namespaces of a worker and weights, like `shop=3,team-*`, in place of TRIAGE_NAMESPACE.",
    )
    queues: str = Field(
        default="critical=6,default=3,bulk=1,*=1",
        description="Queues of a worker with their weights. `*` means every other queue in use.",
    )

    @field_validator("queues", "namespaces")
    @classmethod
    def _weights_parse(cls, value: str, info: ValidationInfo) -> str:
        (parse_weights if info.field_name == "queues" else parse_namespaces)(value)
        return value

    @cached_property
    def queue_weights(self) -> Mapping[str, int]:
        return parse_weights(self.queues)

    @cached_property
    def namespace_weights(self) -> NamespaceWeights:
        return parse_namespaces(self.namespaces or self.namespace)
