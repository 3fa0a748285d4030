"""What of a plan waits for what: each trial's requirements, without those that another of them requires anyway."""

from collections.abc import Mapping, Sequence

from retable.planning.forecast import TrialForecast


def waiting(trials: Sequence[TrialForecast]) -> dict[str, tuple[str, ...]]:
    """Signature -> those of the trials that it waits for directly.

    A GAN of codes requires the codes and their encoder, and the codes require the encoder: the GAN waits for the codes.

    Args:
        trials: all of a plan.
    """
    required = {one.planned.signature: one.planned.requires for one in trials}
    return {
        signature: tuple(
            one for one in own if not any(one in required.get(other, ()) for other in own if other != one)
        )
        for signature, own in required.items()
    }


def for_all(trials: Sequence[TrialForecast], waits: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """What each of these trials waits for, in the first one's order."""
    first, *others = (waits[one.planned.signature] for one in trials)
    return tuple(one for one in first if all(one in other for other in others))


def stages(trials: Sequence[TrialForecast]) -> dict[str, list[TrialForecast]]:
    """The trials by the name of their trainable, each family behind those that its trials wait for.

    Args:
        trials: all of a plan, each before those that require it.
    """
    depth: dict[str, int] = {}
    families: dict[str, list[TrialForecast]] = {}
    for one in trials:
        depth[one.planned.signature] = 1 + max(
            (depth.get(needed, 0) for needed in one.planned.requires), default=0
        )
        families.setdefault(one.planned.trial.config.trainable, []).append(one)
    deepest = {name: max(depth[one.planned.signature] for one in own) for name, own in families.items()}
    return {name: families[name] for name in sorted(families, key=lambda name: deepest[name])}
