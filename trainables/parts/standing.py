"""Standing statistics: batch norm for generators that sample in another way than they were trained."""

from collections.abc import Callable

from torch import nn


def standing_statistics(generator: nn.Module, sample: Callable[[], object]) -> None:
    """Give a generator's batch norms the statistics of what it generates now: means over the batches of `sample`.

    Args:
        generator: in evaluation mode.
        sample: calls the generator on fresh noise, batch by batch.
    """
    norms = [module for module in generator.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over batches
        norm.train()
    sample()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
