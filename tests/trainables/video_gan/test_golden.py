"""Our networks and losses against tensors that the reference implementation computed (see the folder's README)."""

import os
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainables.video_gan.losses.critic import Critic, Verdict
from trainables.video_gan.losses.penalty import Penalty
from trainables.video_gan.modules.discriminator import Discriminator
from trainables.video_gan.modules.generator import LEVELS, Generator
from trainables.video_gan.modules.passes import Recorded, Tangent

FOLDER = Path(
    os.environ.get("TGANV2_GOLDEN", Path(__file__).parents[3].parent / "shared" / "golden" / "tganv2")
)
CASES = sorted(FOLDER.glob("*.npz"))

pytestmark = pytest.mark.skipif(
    not CASES, reason=f"no golden tensors in {FOLDER}; TGANV2_GOLDEN names another"
)


class Golden:
    """One npz, and our networks with its weights."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as file:
            self.tensors = {key: torch.from_numpy(np.asarray(file[key])) for key in file.files}
        self.generator = Generator(
            resolution=64 * self.size("t_size"),
            frames=self.size("frames"),
            strides=self["config.strides"].tolist(),
            z_dim=self.size("z_dim"),
            base_channels=self.size("base_channels"),
            clstm_channels=self.size("clstm_channels"),
        )
        self.discriminator = Discriminator(channels=self.size("d_channels"))
        self._load(self.generator, "generator.", our_generator_name)
        self._load(self.discriminator, "discriminator.", our_discriminator_name)

    def __getitem__(self, key: str) -> Tensor:
        return self.tensors[key]

    def size(self, name: str) -> int:
        return int(self["config." + name])

    def keys(self, pattern: str) -> Iterator[re.Match[str]]:
        return filter(None, (re.fullmatch(pattern, key) for key in self.tensors))

    def levels(self, prefix: str) -> list[Tensor]:
        return [self[f"{prefix}.level{level}"] for level in LEVELS]

    def _load(self, module: nn.Module, prefix: str, rename: Callable[[str], str]) -> None:
        ours = {key: value for key, value in module.state_dict().items() if "num_batches" not in key}
        theirs = {
            rename(key.removeprefix(prefix)): value
            for key, value in self.tensors.items()
            if key.startswith(prefix)
        }
        assert theirs.keys() == ours.keys()
        for key, value in theirs.items():
            assert value.numel() == ours[key].numel(), key
            ours[key].copy_(value.reshape(ours[key].shape))


def our_generator_name(name: str) -> str:
    name = re.sub(r"^up(\d)", lambda found: f"ups.{int(found[1]) - 1}", name)
    return re.sub(r"^render(\d)", r"renders.\1", name)


def our_discriminator_name(name: str) -> str:
    name = re.sub(r"^level(\d)", lambda found: f"levels.{int(found[1]) - 1}", name)
    return re.sub(r"block(\d)", lambda found: f"blocks.{int(found[1]) - 1}", name)


@lru_cache(maxsize=1)
def in_training(path: Path) -> tuple[Golden, tuple[Tensor, ...], Verdict, nn.Module]:
    """The case after one training forward of the generator, with the critic's verdict on its videos."""
    golden = Golden(path)
    videos = golden.generator(golden["z"], golden["train.offsets"].tolist())
    critic = Critic(golden.discriminator, penalty=Penalty("r1", 1.0))
    return golden, videos, critic(golden.levels("real"), videos), critic


@pytest.fixture(scope="module", params=CASES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def close(ours: Tensor, theirs: Tensor, *, relative: float) -> None:
    """Within that fraction of the largest magnitude."""
    torch.testing.assert_close(
        ours.detach().reshape(theirs.shape), theirs, rtol=0, atol=relative * float(theirs.abs().max())
    )


def test_dense_videos_of_any_length(path: Path) -> None:
    golden = Golden(path)
    golden.generator.eval()
    for key in golden.keys(r"dense\d*\.level(\d)"):
        theirs = golden[key[0]]
        ours = golden.generator.generate(golden["z"], level=int(key[1]), frames=theirs.shape[2])
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)


def test_training_videos_and_running_statistics(path: Path) -> None:
    golden, videos, _, _ = in_training(path)
    for ours, theirs in zip(videos, golden.levels("train"), strict=True):
        torch.testing.assert_close(ours.detach(), theirs, rtol=0, atol=1e-3)
    state = golden.generator.state_dict()
    for key in golden.keys(r"train\.after\.(.+)"):
        torch.testing.assert_close(state[our_generator_name(key[1])], golden[key[0]], rtol=1e-3, atol=1e-3)


def test_logits(path: Path) -> None:
    golden, _, verdict, _ = in_training(path)
    for ours, key in ((verdict.real, "d.real.logits"), (verdict.fake, "d.fake.logits")):
        close(torch.stack(ours), golden[key], relative=1e-3)
    with torch.no_grad():
        plain_NL = golden.discriminator(golden.levels("train"))
    close(plain_NL.T, golden["d.fake.logits"], relative=1e-3)


def test_losses_and_penalty(path: Path) -> None:
    golden, _, verdict, _ = in_training(path)
    close(verdict.loss_gen, golden["loss.generator"], relative=1e-3)
    close(verdict.loss_dis, golden["loss.discriminator"], relative=1e-3)
    close(verdict.loss_gp * len(golden["z"]), golden["loss.r1_sum"], relative=1e-3)


def test_gradients_of_the_generators_loss(path: Path) -> None:
    golden, videos, verdict, _ = in_training(path)
    keys = list(golden.keys(r"grad\.generator\.(.+)"))
    parameters = dict(golden.generator.named_parameters())
    wanted = [parameters[our_generator_name(key[1])] for key in keys]
    ours = torch.autograd.grad(videos, wanted, verdict.fake_gradients, retain_graph=True)
    for gradient, key in zip(ours, keys, strict=True):
        close(gradient, golden[key[0]], relative=1e-3)


def test_gradients_of_the_penalty(path: Path) -> None:
    golden = Golden(path)
    penalty_alone(golden)
    parameters = dict(golden.discriminator.named_parameters())
    for key in golden.keys(r"grad\.r1\.(.+)"):
        gradient = parameters[our_discriminator_name(key[1])].grad
        assert gradient is not None
        close(gradient, golden[key[0]], relative=1e-3)


def penalty_alone(golden: Golden) -> None:
    """Leave the gradient of Σ_l Σ_i ‖∇D_l‖² in the discriminator's parameters."""
    for level, x in enumerate(golden.levels("real")):
        run = Recorded()
        x.requires_grad_()
        slope, cotangents = run.backward(golden.discriminator.judge(level, x, run, None), x)
        tangent = Tangent(run)
        with torch.no_grad():
            golden.discriminator.judge(level, slope, tangent, None)
        for kernel, gradient in run.gradients(cotangents, torch.zeros(len(x)), tangent.inputs, 1.0):
            torch.autograd.backward(kernel, gradient)
