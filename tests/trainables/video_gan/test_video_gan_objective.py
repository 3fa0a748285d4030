import math

import pytest
import torch

from trainables.video_gan.objective import discriminator_loss, generator_loss, squared_slopes

REAL = torch.tensor([[2.0, -1.0], [0.5, 3.0]])  # (N, L)
FAKE = torch.tensor([[-1.0, 0.0], [4.0, -2.0]])


def minus_log_sigmoid(y: float) -> float:
    return math.log(1 + math.exp(-y))


def test_each_level_is_judged_by_itself() -> None:
    real = sum(minus_log_sigmoid(y) for y in (2, -1, 0.5, 3)) / 4
    fake = sum(minus_log_sigmoid(-y) for y in (-1, 0, 4, -2)) / 4
    assert float(discriminator_loss(REAL, FAKE, "per_level")) == pytest.approx(real + fake)
    expected = sum(minus_log_sigmoid(y) for y in (-1, 0, 4, -2)) / 4
    assert float(generator_loss(FAKE, "per_level")) == pytest.approx(expected)


def test_equation_7_judges_the_sum() -> None:
    real = sum(minus_log_sigmoid(y) for y in (1, 3.5)) / 2
    fake = sum(minus_log_sigmoid(-y) for y in (-1, 2)) / 2
    assert float(discriminator_loss(REAL, FAKE, "eq7")) == pytest.approx(real + fake)
    assert float(generator_loss(FAKE, "eq7")) == pytest.approx(
        (minus_log_sigmoid(-1) + minus_log_sigmoid(2)) / 2
    )


def test_forms_agree_on_one_level() -> None:
    one_real, one_fake = REAL[:, :1], FAKE[:, :1]
    assert generator_loss(one_fake, "eq7") == generator_loss(one_fake, "per_level")
    both = {discriminator_loss(one_real, one_fake, form).item() for form in ("eq7", "per_level")}
    assert len(both) == 1


def test_squared_slopes_add_up_over_levels_for_each_sample() -> None:
    first = torch.tensor([3.0, 4.0, 1.0, 2.0]).view(2, 1, 1, 1, 2)
    second = torch.tensor([1.0, 10.0]).view(2, 1, 1, 1, 1)
    assert squared_slopes([first, second]).tolist() == [26, 105]
