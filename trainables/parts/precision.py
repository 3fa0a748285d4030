"""The precision of what is summed: float32 at least, and that of the input where it is greater."""

import torch
from torch import Tensor


def wide(dtype: torch.dtype) -> torch.dtype:
    """float32 for bfloat16 and float16, float64 for float64."""
    return torch.promote_types(dtype, torch.float32)


def widened(x: Tensor) -> Tensor:
    """The same numbers in the wide type of theirs; the same tensor where they have it already."""
    return x.to(wide(x.dtype))
