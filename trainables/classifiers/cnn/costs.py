"""Cost of training the image classifier, counted from the network that runs."""

import torch
from torch.nn import functional

from retable.costs.flops import count_step
from retable.trial.step_cost import StepCost
from trainables.classifiers.cnn.config import ImageClassifierConfig

CLASSES = 10  # the last layer is a trifle beside the others


def step_cost(config: ImageClassifierConfig) -> StepCost:
    """Count the operators of a training step on the meta device; nothing is computed."""
    size, network = config.data.size, config.network(CLASSES).to("meta")

    def step(samples: int) -> None:
        with torch.device("meta"):
            x_NCHW, labels_N = torch.empty(samples, 3, size, size), torch.zeros(samples, dtype=torch.int64)
        logits_NK, _ = network(x_NCHW)
        torch.autograd.backward(functional.cross_entropy(logits_NK, labels_N))

    return count_step([network], step)
