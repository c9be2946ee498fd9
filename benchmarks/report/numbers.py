"""Numbers as a reader wants them: three digits that count."""


def number(value: float) -> str:
    """1,234 from a hundred on, else three significant digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value else "0"
