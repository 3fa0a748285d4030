"""Counts that were worked out by hand from the recipe, and ratios that explain the paper's times."""

import pytest

from trainables.code_gan.costs.training import TrainingCost, autoencoder_costs, training_cost
from trainables.code_gan.stages.channels import Stage2, after, before

FORWARD = {  # GMAC and millions of parameters of G, then of D
    before(256): (9.37, 3.407, 2.44, 3.928),
    before(512): (19.38, 3.444, 5.19, 3.965),
    before(1024): (59.39, 3.481, 16.21, 4.002),
    after(256): (2.09, 3.202, 0.59, 3.723),
    after(512): (4.73, 3.350, 1.42, 3.871),
    after(1024): (9.86, 3.414, 2.93, 3.935),
}
EACH_IMAGE = {  # GMAC of training at n_critic 1 and 5
    before(256): (73.2, 46.8),
    before(512): (153.0, 98.1),
    before(1024): (472.1, 303.6),
    after(256): (16.8, 10.8),
    after(512): (39.0, 25.4),
    after(1024): (81.0, 52.7),
}
RATIOS = {  # resolution and divisor: before / after at n_critic 1 and 5
    (256, 4): (4.36, 4.31),
    (512, 4): (3.92, 3.87),
    (1024, 4): (5.83, 5.77),
    (1024, 8): (12.1, 12.0),
    (1024, 16): (28.1, 28.0),
}


@pytest.fixture(scope="module")
def costs() -> dict[Stage2, TrainingCost]:
    return {shape: training_cost(shape) for shape in FORWARD}


@pytest.mark.parametrize("shape", FORWARD)
def test_forward(shape: Stage2, costs: dict[Stage2, TrainingCost]) -> None:
    found = costs[shape]
    numbers = [
        number
        for network in (found.generator, found.discriminator)
        for number in (network.macs / 1e9, network.parameters / 1e6)
    ]
    generated, its_parameters, judged, their_parameters = FORWARD[shape]
    assert numbers[::2] == pytest.approx([generated, judged], abs=0.005)
    assert numbers[1::2] == pytest.approx([its_parameters, their_parameters], abs=0.0005)


@pytest.mark.parametrize("shape", FORWARD)
def test_training(shape: Stage2, costs: dict[Stage2, TrainingCost]) -> None:
    found = costs[shape]
    generate, judge = found.generator.macs, found.discriminator.macs
    assert found.g_step == 3 * generate + 2 * judge - 128 * 4096  # noise needs no gradient
    assert found.d_step == pytest.approx(generate + 12.6 * judge, rel=0.035)
    each = [found.each_image(n_critic) / 1e9 for n_critic in (1, 5)]
    assert each == pytest.approx(EACH_IMAGE[shape], abs=0.05)


@pytest.mark.parametrize(("resolution", "divisor"), RATIOS)
def test_acceleration(resolution: int, divisor: int, costs: dict[Stage2, TrainingCost]) -> None:
    slow, fast = costs[before(resolution)], costs[after(resolution, divisor)]
    found = [slow.each_image(n_critic) / fast.each_image(n_critic) for n_critic in (1, 5)]
    digits = 0.005 if divisor == 4 else 0.05
    assert found == pytest.approx(RATIOS[resolution, divisor], abs=digits)


def test_without_the_penalty_there_is_no_second_backward_pass(costs: dict[Stage2, TrainingCost]) -> None:
    shape = after(256)
    free, found = training_cost(shape, lam=0.0), costs[shape]
    first_layer = 64 * 64 * 9 * 16 * 128  # of which no input's gradient is taken
    assert free.d_step == free.generator.macs + 6 * free.discriminator.macs - 2 * first_layer
    assert free.g_step == found.g_step


def test_what_runs_costs_less_than_the_layers_that_it_stands_for(costs: dict[Stage2, TrainingCost]) -> None:
    shape = after(256)
    joined, literal = training_cost(shape, literal=False), costs[shape]
    up = sum(
        size**2 * 9 * c * d for size, c, d in ((8, 256, 256), (16, 256, 256), (32, 256, 256), (64, 256, 128))
    )
    assert literal.generator.macs - joined.generator.macs == up * 5 // 9
    assert joined.discriminator == literal.discriminator
    assert joined.generator.parameters == literal.generator.parameters


@pytest.mark.parametrize(
    ("resolution", "encoder", "decoder"),
    [(128, 0.670, 2.48), (256, 2.68, 9.93), (512, 10.7, 39.7), (1024, 42.9, 158.9)],
)
def test_encoder_and_decoder(resolution: int, encoder: float, decoder: float) -> None:
    encode, decode = autoencoder_costs(resolution, 4)
    assert (encode.macs / 1e9, decode.macs / 1e9) == pytest.approx((encoder, decoder), rel=0.004)
    assert (encode.parameters, decode.parameters) == (407_696, 407_683)
