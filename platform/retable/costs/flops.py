"""FLOPs and memory of a network, counted from the operators that it runs; on the meta device nothing is computed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self
from weakref import ref

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from retable.trial.step_cost import MIB, Line, StepCost

SIZES = 8, 16
"""Batch sizes of the two traced steps. With fewer samples, tensors made once a step could set the peak memory."""


@dataclass(frozen=True)
class Op:
    """A traced operator call.

    Attributes:
        name: torch's name of the operator, such as ``aten.relu``.
        module: dotted name of the innermost module that called it; "" for the outermost.
        elements_in: number of elements of the first tensor argument; 0 if there is none.
        elements_out: number of elements of the first result.
        itemsize: bytes of an element of that result.
        macs: multiply-accumulates of a convolution, a matrix product or a gradient of one; else 0.
    """

    name: str
    module: str
    elements_in: int
    elements_out: int
    itemsize: int
    macs: int


@dataclass(frozen=True)
class Rule:
    """Operations of an operator under a counting convention, besides its multiply-accumulates.

    Attributes:
        per_output: operations for each element of the result.
        per_input: operations for each element of the first argument.
        written: True if the result counts as written to memory.
    """

    per_output: int = 0
    per_input: int = 0
    written: bool = True


@dataclass(frozen=True)
class Cost:
    """Cost of operators under a counting convention.

    Attributes:
        macs: multiply-accumulates of convolutions and matrix products, the same under every convention.
        flops: operations that the convention counts; a multiply-accumulate is one operation.
        written: bytes that the convention counts as written.
    """

    macs: int = 0
    flops: int = 0
    written: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.macs + other.macs, self.flops + other.flops, self.written + other.written)

    @property
    def gflops(self) -> float:
        """Operations in 10⁹."""
        return self.flops / 1e9

    @property
    def memory_mb(self) -> float:
        """Written bytes in MiB."""
        return self.written / MIB


class Trace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Context manager that records every operator called inside it, and the peak memory of their results.

    The operators run as usual: put modules and inputs on the meta device to count without computing. Composite
    functions are recorded as the operators that they consist of.

    Args:
        module: module whose submodules the operators are attributed to; None to attribute nothing.

    Attributes:
        ops: the recorded operators, in order.
        peak: largest number of bytes that live results took at any one time. Tensors from before the context do not
            count, nor do the workspaces of an operator's kernel.
    """

    def __init__(self, module: nn.Module | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ops: list[Op] = []
        self.peak = 0
        self._module, self._hooks = module, ExitStack()
        self._running = [""]
        self._alive = 0
        self._known: dict[int, object] = {}

    def __enter__(self) -> Self:
        for name, module in self._module.named_modules() if self._module else ():
            handles = (
                module.register_forward_pre_hook(lambda *_, name=name: self._running.append(name)),
                module.register_forward_hook(self._leave, always_call=True),
            )
            for handle in handles:
                self._hooks.callback(handle.remove)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self._hooks.close()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        given = _tensors((args, kwargs))
        for tensor in given:
            self._note(tensor, made=False)
        result = func(*args, **kwargs)
        made = _tensors(result)
        for tensor in made:
            self._note(tensor, made=True)
        packet = func.overloadpacket
        flops = flop_registry[packet](*args, **kwargs, out_val=result) if packet in flop_registry else 0
        self.ops.append(
            Op(
                name=str(packet),
                module=self._running[-1],
                elements_in=given[0].numel() if given else 0,
                elements_out=made[0].numel() if made else 0,
                itemsize=made[0].element_size() if made else 0,
                macs=int(flops) // 2,
            )
        )
        return result

    def _leave(self, *_: object) -> None:
        self._running.pop()

    def _note(self, tensor: Tensor, *, made: bool) -> None:
        """Count the tensor's storage until nothing refers to it; one first seen as an argument existed before."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes() if made else 0
        if key in self._known:
            return
        self._known[key] = ref(storage, lambda _: self._forget(key, size))
        self._alive += size
        self.peak = max(self.peak, self._alive)

    def _forget(self, key: int, size: int) -> None:
        del self._known[key]
        self._alive -= size


def cost(ops: Iterable[Op], rules: Mapping[str, Rule]) -> Cost:
    """Cost of the operators; one without a rule counts for its multiply-accumulates only."""
    total = Cost()
    for op in ops:
        rule = rules.get(op.name, Rule(written=False))
        more = rule.per_output * op.elements_out + rule.per_input * op.elements_in
        total += Cost(op.macs, op.macs + more, op.elements_out * op.itemsize if rule.written else 0)
    return total


def parameters(module: nn.Module) -> int:
    """Number of parameters of the module."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_step(modules: Iterable[nn.Module], step: Callable[[int], object]) -> StepCost:
    """Cost of a training step, from two traced steps; FLOPs and memory are taken to be linear in the samples.

    Args:
        modules: the trained modules; their gradients are freed before each step.
        step: runs forward and backward on a micro-batch of that many samples. On the meta device nothing is computed
            or allocated.
    """
    trained = list(modules)
    macs, peaks = [], []
    for samples in SIZES:
        for module in trained:
            module.zero_grad()
        with Trace() as trace:
            step(samples)
        macs.append((samples, float(sum(op.macs for op in trace.ops))))
        peaks.append((samples, float(trace.peak)))
    return StepCost(sum(map(parameters, trained)), Line.through(*macs), Line.through(*peaks))


def _tensors(tree: object) -> list[Tensor]:
    """Tensors in an operator's arguments or results, at any depth of sequences and mappings."""
    return list(_leaves(tree))


def _leaves(tree: object) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, tuple | list):
        for branch in tree:
            yield from _leaves(branch)
    elif isinstance(tree, dict):
        for branch in tree.values():
            yield from _leaves(branch)
