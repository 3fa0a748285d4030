"""Cost of training a C3D, counted from the network that runs."""

import torch
from torch.nn import functional

from retable.costs.flops import count_step
from retable.trial.step_cost import StepCost
from trainables.classifiers.c3d.config import C3DConfig

CLASSES = 101  # UCF101's; the last layer is a trifle beside the others


def step_cost(config: C3DConfig) -> StepCost:
    """Count the operators of a training step; nothing is computed or allocated."""
    shape = 3, config.data.frames, config.data.size, config.data.size
    with torch.device("meta"):
        network = config.network(CLASSES)

    def step(samples: int) -> None:
        with torch.device("meta"):
            x_NCTHW, labels_N = torch.empty(samples, *shape), torch.zeros(samples, dtype=torch.int64)
            masks = torch.empty(samples, 2, config.fc) if config.dropout else None
        logits_NK, _ = network(x_NCTHW, masks)
        torch.autograd.backward(functional.cross_entropy(logits_NK, labels_N))

    return count_step([network], step)
