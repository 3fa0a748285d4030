"""The line format of a metrics log: the metrics of one iteration, with a checksum at the end of the line."""

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from retable.io.files import seal, unseal

Kind = Literal["train", "evaluation"]


@dataclass(frozen=True)
class MetricsRecord:
    """One line of a metrics log.

    Attributes:
        kind: of the metrics: those of training steps, or of a snapshot's evaluation.
        time_ms: when it was written, in milliseconds of UTC since 1970.
        values: by metric; None where the value was not finite.
        flags: by metric whose value was not finite: ``nan``, ``inf`` or ``-inf``.
    """

    iteration: int
    kind: Kind
    time_ms: int
    values: Mapping[str, float | None]
    flags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, iteration: int, kind: Kind, time_ms: int, metrics: Mapping[str, float]) -> Self:
        """The record of metrics that may be infinite or NaN."""
        values = {key: float(value) for key, value in metrics.items()}
        return cls(
            operator.index(iteration),
            kind,
            time_ms,
            {key: value if math.isfinite(value) else None for key, value in values.items()},
            {key: str(value) for key, value in values.items() if not math.isfinite(value)},
        )

    def line(self) -> bytes:
        """The line, with its end."""
        return seal(
            {
                "iteration": self.iteration,
                "kind": self.kind,
                "time_ms": self.time_ms,
                "metrics": dict(self.values),
                "flags": dict(self.flags),
            }
        )

    @classmethod
    def parse(cls, line: bytes) -> Self:
        """The record of a line.

        Raises:
            ValueError: it is cut, or changed after it was written.
        """
        record: dict[str, Any] = unseal(line)
        try:
            return cls(
                record["iteration"],
                record["kind"],
                record["time_ms"],
                dict(record["metrics"]),
                dict(record["flags"]),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"a line of a metrics log has no {error}") from error
