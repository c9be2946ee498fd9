"""The callback in the record of a job or group."""

from service.domain.callback import Callback


def encode_callback(callback: Callback | None) -> str:
    """As outbox.lua reads it; "" without one."""
    return "" if callback is None else f"{','.join(callback.outcomes)} {callback.url}"


def decode_callback(value: bytes | None) -> Callback | None:
    if not value:
        return None
    outcomes, _, url = value.decode().partition(" ")
    return Callback(url, tuple(outcomes.split(",")))
