"""Precision in tests: float64 where two computations must agree, and what float32 may be off by where it is judged."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

UNIT = 2.0**-24
"""float32's relative rounding error of one operation."""
TERMS = 1000
"""About as many as the longest sums in the tiny networks of tests have, such as a convolution's 27 · 32."""
TRIALS = 3

Results = Mapping[str, Tensor]


@contextmanager
def in_float64() -> Iterator[None]:
    """What is made inside has float64 numbers, and modules called inside take theirs as float64.

    Sums of float32 depend on their order, and so on the CPU and the threads; training multiplies the difference. In
    float64 it stays so far below what a fault does that one small tolerance holds everywhere.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    hook = register_module_forward_pre_hook(lambda _, given: tree_map(_doubled, given))
    try:
        yield
    finally:
        hook.remove()
        torch.set_default_dtype(before)


def allowance(
    compute: Callable[[], Results], exact: Results, size: float = UNIT * TERMS**0.5
) -> dict[str, float]:
    """How far from the exact results, in the Euclidean norm, float32 may be: measured, for conditioning differs.

    The computation is repeated in float64 with every operation's results off by what a sum of `TERMS` terms in any
    order is off by in float32, about √n roundings (Higham & Mary 2019). That must be so from the start, not multiplied
    in afterwards: what is lost where it turns a ReLU's gate does not grow in proportion. The largest change in a few
    draws is the scale, and four times that is out of reach for another draw.

    Args:
        compute: gives the results in float64, from the same numbers in each call.
        exact: what it gives undisturbed.
        size: of the disturbance, for another precision than float32.
    """
    found = dict.fromkeys(exact, 0.0)
    for seed in range(TRIALS):
        disturbance = Disturbance(seed, size)
        with disturbance:
            results = compute()
        for key, value in results.items():
            off = disturbance.of(value) - exact[key]
            found[key] = max(found[key], 4 * float(off.norm()))
    return found


class Disturbance(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Each float64 result of an operation inside is times 1 + δ, δ uniform in ±size for each number.

    Args:
        seed: of the draws.
        size: of δ.
    """

    def __init__(self, seed: int, size: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.draw, self.size = torch.Generator().manual_seed(seed), size

    def of(self, x: Tensor) -> Tensor:
        """The tensor, disturbed."""
        delta = torch.rand(x.shape, generator=self.draw, dtype=x.dtype) * 2 - 1
        return x * (1 + self.size * delta)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        return out if func.is_view else tree_map(self._disturbed, out)

    def _disturbed(self, out: object) -> object:
        if isinstance(out, Tensor) and out.dtype == torch.float64:
            out.copy_(self.of(out))
        return out


def _doubled(given: object) -> object:
    return given.double() if isinstance(given, Tensor) and given.is_floating_point() else given
