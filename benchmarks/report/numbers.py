"""Formats numbers for readers."""


def number(value: float) -> str:
    """Whole from a hundred on, otherwise with three significant digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value else "0"
