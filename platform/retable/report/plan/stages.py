"""Requirements between the trials of a plan, and the families in the order in which they can run."""

from collections.abc import Mapping, Sequence

from retable.planning.forecast import TrialForecast


def direct_requirements(trials: Sequence[TrialForecast]) -> dict[str, tuple[str, ...]]:
    """Signature -> required trials, without those that another of them requires.

    A GAN of codes requires the codes and their encoder, and the codes require the encoder: only the codes are direct.

    Args:
        trials: all trials of a plan.
    """
    required = {one.planned.signature: one.planned.requires for one in trials}
    return {
        signature: tuple(
            one for one in own if not any(one in required.get(other, ()) for other in own if other != one)
        )
        for signature, own in required.items()
    }


def shared_requirements(
    trials: Sequence[TrialForecast], requirements: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Direct requirements that all of these trials share, in the order of the first trial.

    Args:
        requirements: direct requirements by signature.
    """
    first, *others = (requirements[one.planned.signature] for one in trials)
    return tuple(one for one in first if all(one in other for other in others))


def stages(trials: Sequence[TrialForecast]) -> dict[str, list[TrialForecast]]:
    """Trials by the name of their trainable, each family after those that its trials require.

    Args:
        trials: all trials of a plan, each before those that require it.
    """
    depth: dict[str, int] = {}
    families: dict[str, list[TrialForecast]] = {}
    for one in trials:
        depth[one.planned.signature] = 1 + max(
            (depth.get(required, 0) for required in one.planned.requires), default=0
        )
        families.setdefault(one.planned.trial.config.trainable, []).append(one)
    deepest = {name: max(depth[one.planned.signature] for one in own) for name, own in families.items()}
    return {name: families[name] for name in sorted(families, key=lambda name: deepest[name])}
