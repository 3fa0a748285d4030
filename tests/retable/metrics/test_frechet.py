import numpy as np
import pytest
import torch
from scipy import linalg
from torchmetrics.image.fid import FrechetInceptionDistance

from retable.metrics.frechet import Gaussian, Moments, Samples, ThinGaussian, frechet_distance
from retable.trial.distributed import Workers


def features(n: int, d: int, seed: int, *, shift: float = 0.0) -> torch.Tensor:
    """Correlated float32 features after a ReLU, like fc7's."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=generator)
    return torch.relu(torch.randn(n, d, generator=generator) @ mix + shift)


def gaussian(sample: torch.Tensor) -> Gaussian:
    return Moments(sample.shape[1]).update(sample).gaussian()


def thin(sample: torch.Tensor, batch: int = 7) -> ThinGaussian:
    samples = Samples()
    for start in range(0, len(sample), batch):
        samples.update(sample[start : start + batch])
    return samples.reduced(Workers()).gaussian()


def test_one_dimensional_gaussians_by_hand() -> None:
    # {0, 2} has mean 1 and variance 2; {0, 4} mean 2 and variance 8: (1-2)² + (√2 - √8)² = 1 + 2.
    a, b = (gaussian(torch.tensor(values)) for values in ([[0.0], [2.0]], [[0.0], [4.0]]))
    assert frechet_distance(a, b) == pytest.approx(3.0, rel=1e-14)


def test_diagonal_covariances_by_hand() -> None:
    def axes(*variances: float) -> Gaussian:
        return Gaussian(torch.zeros(3).double(), torch.diag(torch.tensor(variances).double()))

    assert frechet_distance(axes(1, 4, 9), axes(4, 4, 1)) == pytest.approx(1 + 0 + 4, rel=1e-14)


def test_moments_are_numpys_in_any_batches() -> None:
    sample = features(50, 6, 0, shift=100.0)
    moments = Moments(6)
    for start in range(0, 50, 7):
        moments.update(sample[start : start + 7])
    result = moments.gaussian()
    np.testing.assert_allclose(result.mean, sample.double().mean(0), rtol=1e-14)
    np.testing.assert_allclose(result.covariance, np.cov(sample.double().numpy().T), rtol=1e-8)


def test_agrees_with_scipys_matrix_square_root() -> None:
    a, b = gaussian(features(300, 40, 0)), gaussian(features(300, 40, 1, shift=0.5))
    root = linalg.sqrtm((a.covariance @ b.covariance).numpy())
    gap = (a.mean - b.mean).numpy()
    expected = gap @ gap + np.trace(a.covariance + b.covariance) - 2 * np.trace(root).real
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_agrees_with_torchmetrics() -> None:
    real, fake = features(300, 24, 2), features(200, 24, 3, shift=0.3)

    class Given(torch.nn.Identity):
        num_features = 24

    reference = FrechetInceptionDistance(feature=Given()).set_dtype(torch.float64)
    reference.update(real, real=True)
    reference.update(fake, real=False)
    expected = float(reference.compute())
    assert frechet_distance(gaussian(real), gaussian(fake)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n", [2, 30, 300])
def test_identical_sets_are_at_distance_zero(n: int) -> None:
    a = gaussian(features(n, 40, 0))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9 * float(a.covariance.trace()))


def test_fewer_samples_than_features_as_in_the_paper() -> None:
    # The exact value without covariances: tr (C_a C_b)^½ is the nuclear norm of X_aᵀ X_b scaled, X centred (d, n).
    real, fake = features(200, 64, 0).double(), features(32, 64, 1, shift=0.2).double()
    x, y = ((s - s.mean(0)).mT / (len(s) - 1) ** 0.5 for s in (real, fake))
    gap = real.mean(0) - fake.mean(0)
    expected = gap @ gap + x.square().sum() + y.square().sum() - 2 * torch.linalg.svdvals(x.mT @ y).sum()
    assert frechet_distance(gaussian(real), gaussian(fake)) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize(("n", "d", "n_real"), [(32, 64, 640), (100, 160, 1_000), (2, 50, 500), (40, 64, 30)])
def test_few_samples_give_the_full_computations_distance(n: int, d: int, n_real: int) -> None:
    real, fake = gaussian(features(n_real, d, 0).double()), features(n, d, 1, shift=0.2).double()
    assert frechet_distance(real, thin(fake)) == pytest.approx(
        frechet_distance(real, gaussian(fake)), rel=1e-8
    )


def test_few_samples_against_eigenvalues_of_the_whole_product() -> None:
    # C_b has rank n - 1: that many of the product's eigenvalues are not 0, and rounding makes roots of the others.
    n, d = 24, 60
    real, fake = gaussian(features(600, d, 0).double()), features(n, d, 1).double()
    product = real.covariance.numpy() @ np.cov(fake.numpy().T)
    trace = np.sqrt(np.sort(linalg.eigvals(product).real)[-(n - 1) :]).sum()
    gap = (real.mean - fake.mean(0)).numpy()
    expected = gap @ gap + np.trace(real.covariance) + np.trace(np.cov(fake.numpy().T)) - 2 * trace
    assert frechet_distance(real, thin(fake)) == pytest.approx(expected, rel=1e-8)


def test_few_samples_that_are_all_the_same() -> None:
    real = gaussian(features(100, 16, 0))
    expected = (real.mean - 1).square().sum() + real.covariance.trace()
    assert frechet_distance(real, thin(torch.ones(10, 16))) == pytest.approx(float(expected), rel=1e-12)


def test_a_feature_that_is_always_zero_leaves_the_distance_as_it_is() -> None:
    real, fake = features(300, 20, 0).double(), features(12, 20, 1).double()
    expected = frechet_distance(gaussian(real), thin(fake))
    padded = [torch.nn.functional.pad(sample, (0, 5)) for sample in (real, fake)]  # Cholesky fails on such
    assert frechet_distance(gaussian(padded[0]), thin(padded[1])) == pytest.approx(expected, rel=1e-10)


def test_a_collapsed_generator_has_a_finite_distance() -> None:
    real = gaussian(features(100, 16, 0))
    fake = gaussian(torch.ones(10, 16))
    expected = (real.mean - 1).square().sum() + real.covariance.trace()
    assert frechet_distance(real, fake) == pytest.approx(float(expected), rel=1e-12)
    assert frechet_distance(fake, fake) == 0.0


def test_errors_say_what_was_given() -> None:
    with pytest.raises(ValueError, match="at least 2 samples, but got 1"):
        gaussian(torch.ones(1, 3))
    with pytest.raises(FloatingPointError, match="needs finite features"):
        gaussian(torch.tensor([[1.0], [float("inf")]]))
    with pytest.raises(ValueError, match="at least 2 samples, but got 1"):
        thin(torch.ones(1, 3))
    with pytest.raises(FloatingPointError, match="needs finite features"):
        thin(torch.tensor([[1.0, 0.0], [float("nan"), 0.0]]))
    with pytest.raises(ValueError, match="equally many features, but got 3 and 4"):
        frechet_distance(gaussian(torch.rand(5, 3)), gaussian(torch.rand(5, 4)))
