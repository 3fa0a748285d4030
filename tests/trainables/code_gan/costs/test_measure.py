from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.trainables.code_gan.stage_cases import BEFORE, GAN
from trainables.code_gan.costs.measure import Measured, measure
from trainables.code_gan.learner import CodeGANLearner


def test_an_epoch_is_extrapolated_from_the_images_fed() -> None:
    assert Measured(seconds=0.5, images=16, steps=20).epoch() == 0.5 * 30_000 / 16
    assert Measured(seconds=0.5, images=16, steps=20).epoch(32) == 1.0


def test_both_systems_are_timed() -> None:
    for config in (replace(GAN, n_critic=2), BEFORE):
        found = measure(config, torch.device("cpu"))
        assert found.seconds > 0
        assert (found.images, found.steps) == (4 * config.n_critic, 20)
        assert torch.tensor([1e-39]).mul(1.0).item() > 0  # the process's arithmetic is what it was


def test_the_first_steps_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    now, step = [0.0], CodeGANLearner.step

    def slow_at_first(model: CodeGANLearner, iteration: int) -> Mapping[str, Tensor]:
        now[0] += 1 if iteration >= 3 else 100
        return step(model, iteration)

    monkeypatch.setattr(CodeGANLearner, "step", slow_at_first)
    monkeypatch.setattr("trainables.code_gan.costs.measure.time.perf_counter", lambda: now[0])
    assert measure(GAN, torch.device("cpu")).seconds == 1


def test_too_few_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 20 steps, but got 5"):
        measure(GAN, torch.device("cpu"), steps=5)
