"""Protocols: the name of a metric says everything that its number depends on, and can be parsed. No torch.

``is2048x10_c3d-1a2b3c_acc0.983_bilinear112_s1_data-5d6e7f`` is the Inception score of 2,048 samples, over 10 repeats,
by the C3D whose weights hash to 1a2b3c… and whose held-out accuracy is 98.3%, on frames resized to 112×112, in one
split, for a data set whose fingerprint begins with 5d6e7f.
"""

import re
from dataclasses import dataclass, fields
from string import Formatter
from typing import Final

_NEIGHBOURS: Final = (
    "{family}{{samples}}x{{repeats}}_{{classifier}}{{accuracy}}_{{resize}}_k{{neighbours}}of{{points}}_"
    "r{{passes}}-{{split}}_data-{{data}}{{labels}}"
)
# One line for each family: the name's form, with the fields that its numbers depend on.
_FORMS: Final = {
    "is": "is{samples}x{repeats}_{classifier}{accuracy}_{resize}_s{splits}_data-{data}{labels}",
    "fid": "fid{samples}x{repeats}_{classifier}{accuracy}_{resize}_r{passes}-{split}_data-{data}{labels}",
    "kid": "kid{samples}x{repeats}_{classifier}{accuracy}_{resize}_b{subsets}of{points}_r{passes}-{split}_data-{data}{labels}",
    "precision": _NEIGHBOURS.format(family="precision"),
    "recall": _NEIGHBOURS.format(family="recall"),
    "mse01": "mse01-{samples}x{repeats}_{resize}_{split}_data-{data}",
    "mse11": "mse11-{samples}x{repeats}_{resize}_{split}_data-{data}",
    "psnr": "psnr{samples}x{repeats}_{resize}_{split}_data-{data}",
    "rounding": "rounding{samples}x{repeats}_{resize}_{split}_data-{data}_codes-{codes}",
    "minutes": "minutes{samples}x{repeats}_{device}_w{workers}",
    "accuracy": "accuracy{samples}x{repeats}_{resize}_{split}_data-{data}",
}
# Prefixes of optional fields, which are in a name only if they are set.
_OPTIONAL: Final = {"accuracy": "_acc", "labels": "_labels-"}
_LOWER_IS_BETTER: Final = frozenset({"fid", "kid", "mse01", "mse11", "minutes", "rounding"})

_COUNT: Final = r"[1-9][0-9]*"
_FIELDS: Final = {
    "samples": _COUNT,
    "repeats": _COUNT,
    "classifier": r"[a-z0-9]+-[0-9a-f]{6}",
    "accuracy": r"[01]\.[0-9]{3}",
    "resize": r"[a-z]+[1-9][0-9]*(?:crop[1-9][0-9]*)?",
    "splits": _COUNT,
    "passes": _COUNT,
    "subsets": _COUNT,
    "points": _COUNT,
    "neighbours": _COUNT,
    "split": r"[a-z]+(?:-[a-z]+)*",
    "data": r"[0-9a-f]{6}",
    "labels": r"[a-z]+",
    "codes": r"[a-z]+[0-9]+",
    "device": r"[a-z0-9]+(?:-[a-z0-9]+)*",
    "workers": _COUNT,
}


def _needed(family: str) -> list[str]:
    """Fields in the names of a family."""
    return [field for _, field, _, _ in Formatter().parse(_FORMS[family]) if field]


def _pattern(field: str) -> str:
    """Regular expression of a field within a name."""
    pattern = f"(?P<{field}>{_FIELDS[field]})"
    return f"(?:{_OPTIONAL[field]}{pattern})?" if field in _OPTIONAL else pattern


_NAMES: Final = {
    family: re.compile(re.sub(r"\{(\w+)\}", lambda m: _pattern(m[1]), form.replace(".", r"\.")))
    for family, form in _FORMS.items()
}


def in_print(family: str) -> str:
    """Name of a metric family as papers print it: ``IS``, ``FID``, but ``accuracy``."""
    return family if family in ("accuracy", "minutes", "precision", "recall", "rounding") else family.upper()


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Measurement protocol of a number. Two protocols are equal exactly if their names are.

    Attributes:
        family: metric family: ``is``, ``fid``, ``kid``, ``precision``, ``recall``, ``accuracy``; of reconstructions
            ``mse01`` (mean squared error of values in [0, 1]), ``mse11`` (in [-1, 1]), ``psnr`` (dB, the mean over images)
            or ``rounding`` (percent by which stored codes increase the mean squared error); of training ``minutes`` for
            an epoch. It determines which of the fields below are set; the others stay unset.
        samples: clips in one repeat, or real samples of an epoch (minutes).
        repeats: evaluation repeats that the value is the mean of.
        data: first 6 hex digits of the data set's fingerprint, which covers decoding and cropping.
        resize: resizing of frames or images to the network's size in pixels, such as ``bilinear112``,
            ``bicubic128crop112`` or ``bicubicaa64`` (antialiased); ``to128`` if images have that size already (MSE,
            PSNR).
        classifier: kind and first 6 hex digits of the SHA-256 of its weights, such as ``c3d-1a2b3c``.
        accuracy: accuracy of the classifier on held-out clips, with three decimals, such as ``0.983``. Unset for a
            network that was not trained on the data's classes (Inception).
        splits: number of splits of the samples (IS).
        passes: random clips of each real video; of images 1, or 2 with mirrored images (FID, KID, precision, recall).
        subsets: number of subsets of one repeat's samples; value and ± are mean and spread over them (KID).
        points: real samples and generated samples in a subset (KID) or of a manifold (precision, recall).
        neighbours: k; the distance to the k-th neighbour is the radius of a ball (precision, recall).
        split: split of the real samples (FID, KID, precision, recall, accuracy), such as ``train``, or ``train-test`` for
            both.
        labels: distribution of the generated classes (IS, FID, KID, precision, recall), such as ``uniform``. Unset if it
            is that of the training data.
        codes: type that codes are rounded to before they are decoded (rounding), such as ``float16``.
        device: device of the training steps, such as ``cpu-amd-epyc-7b13-64-core-2-threads`` or ``nvidia-h100-80gb-hbm3``
            (minutes).
        workers: number of workers of the trial (minutes).
    """

    family: str
    samples: int
    repeats: int = 1
    data: str
    resize: str
    classifier: str = ""
    accuracy: str = ""
    splits: int = 0
    passes: int = 0
    subsets: int = 0
    points: int = 0
    neighbours: int = 0
    split: str = ""
    labels: str = ""
    codes: str = ""
    device: str = ""
    workers: int = 0

    def __post_init__(self) -> None:
        if self.family not in _FORMS:
            raise ValueError(f"family must be one of {', '.join(_FORMS)}, but got {self.family!r}")
        needed = _needed(self.family)
        for name, pattern in _FIELDS.items():
            value = getattr(self, name)
            if name in _OPTIONAL and value == "":
                continue
            if name in needed and not re.fullmatch(pattern, str(value)):
                raise ValueError(f"{name} of {self.family} must look like {pattern}, but got {value!r}")
            if name not in needed and value:
                raise ValueError(
                    f"{self.family} does not depend on {name}: leave it unset, but got {value!r}"
                )

    @property
    def name(self) -> str:
        """Name of the metric in results and trackers."""
        fields = {field: getattr(self, field) for field in _needed(self.family)}
        optional = {field: prefix + fields[field] for field, prefix in _OPTIONAL.items() if fields.get(field)}
        return _FORMS[self.family].format(**fields | optional)

    @property
    def higher_is_better(self) -> bool:
        """True if a larger number is better."""
        return higher_is_better(self.family)

    @classmethod
    def parse(cls, name: str) -> "Protocol":
        """Parse the name of a protocol.

        Raises:
            ValueError: it is not the name of a protocol.
        """
        for family, pattern in _NAMES.items():
            if found := pattern.fullmatch(name):
                values = found.groupdict(default="")
                counts = {key: int(text) for key, text in values.items() if _FIELDS[key] == _COUNT}
                texts = {key: text for key, text in values.items() if _FIELDS[key] != _COUNT}
                return cls(**{"family": family, "data": "", "resize": ""} | counts | texts)  # type: ignore[arg-type]
        raise ValueError(f"{name!r} is not a metric's protocol; names look like {', '.join(_FORMS.values())}")


def higher_is_better(family: str) -> bool:
    """True if a larger number is better in that metric family.

    Raises:
        ValueError: there is no such family.
    """
    if family not in _FORMS:
        raise ValueError(f"a metric must be one of {', '.join(_FORMS)}, but got {family!r}")
    return family not in _LOWER_IS_BETTER


def comparable(a: Protocol, b: Protocol) -> str:
    """Reason why numbers under `a` and `b` may not be subtracted; empty if they may."""
    differences = [
        f"{field.name} {getattr(a, field.name) or 'default'} against {getattr(b, field.name) or 'default'}"
        for field in fields(Protocol)
        if getattr(a, field.name) != getattr(b, field.name)
    ]
    return f"not comparable: {', '.join(differences)}" if differences else ""
