"""Colors of states, which a terminal shows unless NO_COLOR is set."""

from rich.text import Text

_STYLES = {
    "succeeded": "green",
    "enabled": "green",
    "delivered": "green",
    "disabled": "bold red",
    "failing": "yellow",
    "pending": "cyan",
    "running": "cyan",
    "open": "cyan",
    "dead": "bold red",
    "failed": "bold red",
    "lost": "bold red",
    "cancelled": "yellow",
    "retrying": "yellow",
    "paused": "yellow",
    "draining": "yellow",
    "blocked": "dim",
    "scheduled": "dim",
}


def state(word: str, reason: str | None = None) -> Text:
    """A state, with its reason in parentheses."""
    return Text(word + (f" ({reason})" if reason else ""), style=_STYLES.get(word, ""))


def count(number: int, style: str = "") -> Text:
    """A number of a table; zeros recede."""
    return Text(f"{number:,}", style=style if number else "dim")
