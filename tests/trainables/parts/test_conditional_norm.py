import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from retable.trial.distributed import SyncBatchNorm2d
from trainables.parts.conditional_norm import ConditionalBatchNorm2d


def random_tables(channels: int = 3, classes: int = 4) -> ConditionalBatchNorm2d:
    norm = ConditionalBatchNorm2d(channels, classes, eps=2e-5, momentum=0.1)
    torch.nn.init.normal_(norm.gamma.weight)
    torch.nn.init.normal_(norm.beta.weight)
    return norm


def by_its_equation(norm: ConditionalBatchNorm2d, x: Tensor, labels: Tensor) -> Tensor:
    """A frame at a time, each with its own sample's row."""
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
    frames = len(x) // len(labels)
    rows = []
    for at, frame in enumerate(x):
        gamma, beta = (table.weight[labels[at // frames]] for table in (norm.gamma, norm.beta))
        rows.append(F.batch_norm(frame[None], mean, var, gamma, beta, eps=2e-5)[0])
    return torch.stack(rows)


@pytest.mark.parametrize("frames", [1, 4])
@pytest.mark.usefixtures("float64")
def test_by_its_equation(frames: int) -> None:
    torch.manual_seed(0)
    norm, labels = random_tables(), torch.tensor([3, 0, 3])
    x = torch.randn(3 * frames, 3, 5, 6) * 2 + 1
    torch.testing.assert_close(norm(x, labels), by_its_equation(norm, x, labels), rtol=1e-10, atol=1e-10)
    packed = x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(norm(packed, labels), norm(x, labels))


@pytest.mark.usefixtures("float64")
def test_it_starts_as_plain_batch_norm() -> None:
    conditional = ConditionalBatchNorm2d(3, 4, eps=2e-5, momentum=0.1)
    plain = SyncBatchNorm2d(3, eps=2e-5, momentum=0.1)
    x = torch.randn(6, 3, 4, 4)
    for _ in range(2):  # by the batch's statistics, then by the running ones
        torch.testing.assert_close(conditional(x, torch.tensor([2, 1])), plain(x))
        conditional.eval()
        plain.eval()


def test_only_the_rows_of_classes_at_hand_learn() -> None:
    norm = random_tables()
    norm(torch.randn(4, 3, 2, 2), torch.tensor([1, 3])).square().sum().backward()
    for table in (norm.gamma, norm.beta):
        assert table.weight.grad is not None
        assert table.weight.grad.abs().sum(1).bool().tolist() == [False, True, False, True]


def test_the_output_has_the_inputs_type() -> None:
    assert random_tables()(torch.randn(2, 3, 2, 2).bfloat16(), torch.tensor([1])).dtype == torch.bfloat16


@pytest.mark.parametrize(("frames", "labels"), [(5, 2), (4, 0)])
def test_frames_that_cannot_be_the_samples_are_refused(frames: int, labels: int) -> None:
    with pytest.raises(ValueError, match=f"but got {frames} frames and {labels} labels"):
        random_tables()(torch.zeros(frames, 3, 2, 2), torch.zeros(labels, dtype=torch.int64))
