import math

import pytest
import torch

from trainables.parts.adam import torch_eps


@pytest.mark.parametrize(("beta1", "beta2"), [(0.0, 0.9), (0.5, 0.999)])
def test_torchs_adam_takes_chainers_steps(beta1: float, beta2: float) -> None:
    """Chainer's rule written out; tiny gradients, so that ε decides the step."""
    lr, eps = 1e-2, 1e-3
    weight = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([weight], lr=lr, betas=(beta1, beta2), fused=True)
    theirs = weight.detach().clone()
    m = v = torch.zeros_like(theirs)
    for t in range(1, 8):
        gradient = torch.tensor([1e-3, -2e-4], dtype=torch.float64) * t
        weight.grad = gradient.clone()
        adam.param_groups[0]["eps"] = torch_eps(eps, beta2, t)
        adam.step()
        m = beta1 * m + (1 - beta1) * gradient
        v = beta2 * v + (1 - beta2) * gradient.square()
        rate = lr * math.sqrt(1 - beta2**t) / (1 - beta1**t)
        theirs -= rate * m / (v.sqrt() + eps)
        torch.testing.assert_close(weight.detach(), theirs, rtol=1e-12, atol=0)


def test_the_difference_vanishes() -> None:
    assert torch_eps(8e-8, 0.9, 1) == pytest.approx(2.53e-7, rel=1e-3)
    assert torch_eps(8e-8, 0.9, 38) == pytest.approx(8e-8, rel=0.01)
    assert torch_eps(8e-8, 0.9, 1000) == 8e-8
