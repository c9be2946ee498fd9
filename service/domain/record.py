"""A decorator for values that are made once per job and never changed."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

Class = TypeVar("Class")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[Class]) -> type[Class]:
    """A dataclass with slots that is frozen for the type checker alone.

    Python makes a frozen one through `object.__setattr__`, field by field: four times the cost, which is
    milliseconds of every hundred claimed jobs (docs/adr/0039).
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
