"""Items of a large array or object that stay text until needed: parsed, they may take 50 times the memory."""

from array import array
from collections.abc import Iterator, Sequence
from typing import Any, overload

from pydantic import WrapValidator
from pydantic_core import PydanticCustomError


class RawItems(Sequence[bytes]):
    """The JSON text of each item, sliced from the body when accessed; for an object, also `keys`."""

    def __init__(self, body: bytes | bytearray) -> None:
        self._body = memoryview(body)
        self._spans = array("Q")
        self.keys: dict[str, None] = {}

    def append(self, start: int, end: int) -> None:
        self._spans.extend((start, end))

    def __len__(self) -> int:
        return len(self._spans) // 2

    def __iter__(self) -> Iterator[bytes]:
        return (self._cut(index) for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        chosen = range(len(self))[index]
        return self._cut(chosen) if isinstance(chosen, int) else [self._cut(number) for number in chosen]

    def _cut(self, index: int) -> bytes:
        return bytes(self._body[self._spans[2 * index] : self._spans[2 * index + 1]])


def raw(kind: str, at_least: int = 0) -> WrapValidator:
    """Marks a list or dict that only the document describes; the route validates the items one by one."""

    def check(value: Any, _: Any) -> Any:
        if not isinstance(value, RawItems):
            raise PydanticCustomError(f"{kind}_type", "is not one")  # type: ignore[arg-type]
        if len(value) < at_least:
            raise PydanticCustomError("too_short", "has too few", {"min_length": at_least})
        return value

    return WrapValidator(check)
