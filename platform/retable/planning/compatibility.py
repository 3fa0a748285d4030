"""Compatibility of configs with a data set: their needs against its scan, before anything is decoded. No torch."""

from collections.abc import Mapping
from dataclasses import replace

from retable.data.decode.errors import DataError
from retable.data.decode.spec import ImageSpec
from retable.data.scan.catalog import Catalog
from retable.planning.plan import Plan, runnable
from retable.trial.config import C, DataNeeds, TrialConfig


class Compatibility:
    """A data set that many configs are compared with; configs with the same needs share one comparison."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._known: dict[DataNeeds, str] = {}

    def incompatibility(self, config: TrialConfig) -> str:
        """Reason why a config can't be trained on the data set; empty if the scan shows none."""
        needs = config.needs
        if needs not in self._known:
            self._known[needs] = incompatibility(needs, self.catalog)
        return self._known[needs]

    def possible(self, plan: Plan[C]) -> tuple[Plan[C], Mapping[str, str]]:
        """Plan without the trials that can't be trained on the data set, and without those that only they require.

        Returns:
            The plan, and signature -> reason for each trial that can't be trained.

        Raises:
            DataError: none of the trials that fill cells can be trained.
        """
        reasons: dict[str, str] = {}
        for planned in plan.trials:  # required trials come first
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


def incompatibility(needs: DataNeeds, catalog: Catalog) -> str:
    """Reason why a data set does not meet these needs; empty if the scan shows none."""
    return _unusable_files(needs, catalog) or too_few_classes(needs, catalog)


def _unusable_files(needs: DataNeeds, catalog: Catalog) -> str:
    try:
        if needs.kind == "image":
            images = ImageSpec(size=needs.size, classes=needs.class_names)
            return catalog.requiring_images(images).refusal() or ""
        found = catalog.of(needs.kind) if needs.kind else catalog
    except DataError as error:
        return str(error)
    refusal = found.requiring(needs.frames).refusal() or ""
    prefix = f"it needs videos of {needs.frames} frames: " if found.kind == "video" else ""
    return refusal and prefix + refusal


def too_few_classes(needs: DataNeeds, catalog: Catalog) -> str:
    """Reason why a data set has too few classes; empty if it has enough."""
    if len(catalog.classes) >= needs.classes:
        return ""
    least = "two" if needs.classes == 2 else str(needs.classes)
    problem = f"a classifier needs {needs.kind or 'file'}s of {least} classes or more, but {catalog.root} has {len(catalog.classes)}"
    return f"{problem}; {needs.remedy}" if needs.remedy else problem
