"""Checks of fields that both stages' configs share. No torch here."""

from collections.abc import Mapping

DIVISORS = (2, 4, 8, 16)


def check_least(config: object, least: Mapping[str, float]) -> None:
    """Refuse a field below its least value.

    Raises:
        ValueError: one is.
    """
    for name, bound in least.items():
        if getattr(config, name) < bound:
            raise ValueError(f"{name} must be at least {bound}, but got {getattr(config, name)}")


def check_divisor(divisor: int) -> None:
    """Refuse a code's divisor that no halving of sizes reaches.

    Raises:
        ValueError: it is such a one.
    """
    if divisor not in DIVISORS:
        raise ValueError(f"a code's divisor must be one of {DIVISORS}, but got {divisor}")


def check_adam(lr: float, beta1: float, beta2: float, eps: float) -> None:
    """Refuse what Adam can't work with.

    Raises:
        ValueError: the rate is not positive, ε is below 0, or a decay is outside [0, 1).
    """
    if lr <= 0:
        raise ValueError(f"lr must be positive, but got {lr}")
    if eps < 0:
        raise ValueError(f"adam_eps must be at least 0, but got {eps}")
    for name, decay in (("beta1", beta1), ("beta2", beta2)):
        if not 0 <= decay < 1:
            raise ValueError(f"{name} must be in [0, 1), but got {decay}")
