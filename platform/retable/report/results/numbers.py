"""Text of numbers: values with as many digits as their spread supports, counts, durations."""

import math


def measured(value: float, std: float | None = None, std_seeds: float | None = None) -> str:
    """Text of a value with its spreads, all with equal decimals, such as ``12.79 ± 0.10, seeds ± 0.35``."""
    decimals = _decimals(value, [spread for spread in (std, std_seeds) if spread])
    text = f"{value:.{decimals}f}"
    if std is not None:
        text += f" ± {std:.{decimals}f}"
    if std_seeds is not None:
        text += f", seeds ± {std_seeds:.{decimals}f}"
    return text


def signed(difference: float, value: float) -> str:
    """Text of a difference with its sign and with the decimals of `value`."""
    return f"{difference:+.{_decimals(value, [])}f}"


def counted(count: int, noun: str) -> str:
    """Text of a number of things, such as ``1 trial`` or ``1,000 trials``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """Text of a duration, such as ``42 s``, ``5.2 min`` or ``61.0 h``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _decimals(value: float, spreads: list[float]) -> int:
    """Decimals that show the smallest spread, or three digits without one; at least those of the papers (12.79, 5401)."""
    usual = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    smallest = min(spreads, default=abs(value) / 100)
    return max(usual, min(6, -math.floor(math.log10(smallest)))) if smallest else usual
