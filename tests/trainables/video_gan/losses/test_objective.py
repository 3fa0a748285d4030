import math

import pytest
import torch

from trainables.video_gan.losses.objective import discriminator_loss, generator_loss

REAL = torch.tensor([[2.0, 0.5], [-1.0, 3.0]], dtype=torch.float64).unbind()  # L of (N,)
FAKE = torch.tensor([[-1.0, 4.0], [0.0, -2.0]], dtype=torch.float64).unbind()


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
    one_real, one_fake = REAL[:1], FAKE[:1]
    assert generator_loss(one_fake, "eq7") == generator_loss(one_fake, "per_level")
    both = {discriminator_loss(one_real, one_fake, form).item() for form in ("eq7", "per_level")}
    assert len(both) == 1


def test_wasserstein_is_the_difference_of_mean_logits() -> None:
    assert float(discriminator_loss(REAL, FAKE, "per_level", "wasserstein")) == pytest.approx(1 / 4 - 4.5 / 4)
    assert float(generator_loss(FAKE, "per_level", "wasserstein")) == pytest.approx(-1 / 4)
    assert float(discriminator_loss(REAL, FAKE, "eq7", "wasserstein")) == pytest.approx(1 / 2 - 4.5 / 2)


@pytest.mark.usefixtures("float64")
def test_every_judgement_counts_alike_where_levels_judge_fewer_samples() -> None:
    fake = torch.tensor([-1.0, 4.0]), torch.tensor([0.5])
    expected = sum(minus_log_sigmoid(y) for y in (-1, 4, 0.5)) / 3
    assert float(generator_loss(fake, "per_level")) == pytest.approx(expected)
