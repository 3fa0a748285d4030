"""Workers that train one trial together: wrapping, sharing out a batch, and synchronised batch norm.

The result must not depend on how many there are: every worker takes a contiguous part of each micro-batch, gradients
are averaged over equal parts, and batch statistics are those of the whole micro-batch.
"""

import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

M = TypeVar("M", bound=nn.Module)

BUFFERS_STAY: dict[str, Any] = (
    {"forward_sync_buffers": False}
    if "forward_sync_buffers" in signature(DistributedDataParallel.__init__).parameters
    else {"broadcast_buffers": False}  # its name in older torch
)
"""DDP's option not to broadcast buffers before each forward pass."""


@dataclass(frozen=True)
class Workers:
    """The worker group, seen from one of its members.

    Attributes:
        rank: this worker's number, from 0.
        size: workers in the worker group. Above 1, torch.distributed's default process group must be there.
        device: where this worker's tensors go.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def wrap(self, module: M) -> M:
        """The module with gradients averaged over the workers (DDP), or itself for one worker.

        Call the result once for each backward pass. Buffers are not broadcast after the start: synchronised batch
        norm keeps them equal on all workers.
        """
        module = module.to(self.device)
        if self.size == 1:
            return module
        # A 1×1 kernel has the same numbers at the same places under several strides; DDP takes that for a fault.
        warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
        ids = [self.device.index or 0] if self.device.type == "cuda" else None
        return cast(M, DistributedDataParallel(module, device_ids=ids, **BUFFERS_STAY))

    def accumulating(self, *modules: nn.Module) -> AbstractContextManager[Any]:
        """A context in which wrapped modules add up gradients locally; leave it for the last micro-batch."""
        stack = ExitStack()
        for module in modules:
            stack.enter_context(
                module.no_sync() if isinstance(module, DistributedDataParallel) else nullcontext()
            )
        return stack

    def indices(self, batch_size: int, accumulate: int = 1) -> list[range]:
        """This worker's global sample indices in 0..batch_size-1, one range for each micro-batch.

        Raises:
            ValueError: a micro-batch can't be shared equally.
        """
        micro, rest = divmod(batch_size, accumulate)
        if rest or micro % self.size:
            raise ValueError(
                f"batch_size / accumulate must be a multiple of the workers, but got {batch_size=}, {accumulate=}, "
                f"workers={self.size}; use a number of workers that divides it"
            )
        part = micro // self.size
        return [
            range(m * micro + self.rank * part, m * micro + (self.rank + 1) * part) for m in range(accumulate)
        ]

    def share(self, count: int) -> range:
        """This worker's contiguous part of 0..count-1; parts differ by one at most (for evaluation)."""
        return range(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def mean(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Scalars averaged over the workers, as floats. Syncs the device."""
        if not values:
            return {}
        stacked = torch.stack([value.detach().double().reshape(()) for value in values.values()])
        if self.size > 1:
            dist.all_reduce(stacked)
            stacked /= self.size
        return dict(zip(values, stacked.tolist(), strict=True))

    def gather(self, tensor: Tensor) -> Tensor:
        """The workers' tensors (n_rank, ...) joined in rank order, on every worker; n may differ by worker."""
        if self.size == 1:
            return tensor
        counts = [torch.zeros((), dtype=torch.int64, device=self.device) for _ in range(self.size)]
        dist.all_gather(counts, torch.tensor(len(tensor), device=self.device))
        longest = int(max(int(count) for count in counts))
        padded = torch.zeros((longest, *tensor.shape[1:]), dtype=tensor.dtype, device=self.device)
        padded[: len(tensor)] = tensor
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(parts, padded)
        return torch.cat([part[: int(count)] for part, count in zip(parts, counts, strict=True)])

    def from_first(self, number: int) -> int:
        """Rank 0's number, on every worker."""
        if self.size == 1:
            return number
        value = torch.tensor(number, device=self.device)
        dist.broadcast(value, src=0)
        return int(value)

    def agree(self, flag: bool) -> bool:
        """Rank 0's flag, on every worker."""
        return bool(self.from_first(int(flag)))


def unwrapped(module: M) -> M:
    """The module inside DDP's wrapper, or the module itself."""
    return cast(M, module.module) if isinstance(module, DistributedDataParallel) else module


class _GatherStatistics(torch.autograd.Function):
    """all_gather of one tensor with the gradient that torch's own lacks on gloo."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        parts = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, tensor.contiguous())
        return torch.stack(parts)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        grad = grad.contiguous()
        dist.all_reduce(grad)
        return grad[dist.get_rank()]


class SyncBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over (N, H, W) of all workers' equal parts; torch's own SyncBatchNorm refuses the CPU.

    Input (N, C, H, W), any range. One worker falls back to `nn.BatchNorm2d`. The biased variance normalises, the
    unbiased one enters `running_var`, as in torch. Statistics are float32 at least, the output has the input's type.
    """

    def forward(self, x_NCHW: Tensor) -> Tensor:
        if not self.training or not dist.is_initialized() or dist.get_world_size() == 1:
            return super().forward(x_NCHW)
        wide = torch.promote_types(x_NCHW.dtype, torch.float32)
        var, mean = torch.var_mean(x_NCHW.to(wide), dim=(0, 2, 3), correction=0)
        parts: Tensor = _GatherStatistics.apply(torch.stack([mean, var]))  # type: ignore[no-untyped-call]  # (workers, 2, C)
        mean = parts[:, 0].mean(0)
        var = parts[:, 1].mean(0) + (parts[:, 0] - mean).square().mean(0)
        self._track(mean.detach(), var.detach(), x_NCHW.numel() // x_NCHW.shape[1] * len(parts))
        scale = torch.rsqrt(var + self.eps)
        if self.affine:
            scale = self.weight * scale
        shift = -mean * scale
        if self.affine:
            shift = self.bias + shift
        return torch.addcmul(shift[:, None, None], x_NCHW, scale[:, None, None]).to(x_NCHW.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, var: Tensor, count: int) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var * (count / max(count - 1, 1)), self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
