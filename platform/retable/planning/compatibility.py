"""Compatibility of configs with a data set, from its scan, before anything is decoded. No torch."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol, runtime_checkable

from retable.data.decode.errors import DataError
from retable.data.decode.spec import ImageSpec
from retable.data.scan.catalog import Catalog
from retable.planning.plan import Plan, runnable
from retable.trial.config import C, TrialConfig


@runtime_checkable
class _OfData(Protocol):
    """Config with a spec of the samples that it makes from files."""

    @property
    def data(self) -> object: ...


class Compatibility:
    """Compatibility of many configs with one data set; configs with the same needs share a look at its files."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._known: dict[ImageSpec | int, str] = {}

    def incompatibility(self, config: TrialConfig) -> str:
        """Reason why the config can't be trained on the data set; empty if none is known."""
        spec = config.data if isinstance(config, _OfData) else None
        needed = spec if isinstance(spec, ImageSpec) else config.needs_frames
        if needed not in self._known:
            self._known[needed] = self._refusal(needed)
        return self._known[needed] or config.incompatibility(self.catalog)

    def possible(self, plan: Plan[C]) -> tuple[Plan[C], Mapping[str, str]]:
        """Plan without the trials that can't be trained on the data set, and without those that only they require.

        Returns:
            The plan, and signature -> reason for each trial that can't be trained.

        Raises:
            DataError: none of the trials that fill cells can be trained.
        """
        reasons: dict[str, str] = {}
        for planned in plan.trials:  # the requirements of a trial come before it
            candidates = [
                self.incompatibility(planned.trial.config),
                *(reasons.get(one, "") for one in planned.requires),
            ]
            if reason := next(filter(None, candidates), ""):
                reasons[planned.signature] = reason
        if not reasons:
            return plan, reasons
        kept = runnable(plan.trials, reasons)
        if not kept:
            raise DataError(next(iter(reasons.values())))
        return replace(plan, trials=kept), reasons

    def _refusal(self, needed: ImageSpec | int) -> str:
        if isinstance(needed, ImageSpec):
            try:
                return self.catalog.fitting(needed).refusal() or ""
            except DataError as error:
                return str(error)
        refusal = self.catalog.requiring(needed).refusal() or ""
        needs = f"it needs videos of {needed} frames: " if self.catalog.kind == "video" else ""
        return refusal and needs + refusal
