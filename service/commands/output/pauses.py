"""Pauses of commands that poll, in one place so that tests can shorten them."""

import time


def pause(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251  # there is nothing to wait for until the next poll
