"""Our networks and losses against tensors that the reference implementation computed (see the folders' READMEs).

Files in float64 are held to 1e-8. A file in float32 has errors of its own, which may be as large as rounding lets them
become, and no larger; so may those of our networks in float32.
"""

import os
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.precision import allowance
from trainables.video_gan.losses.critic import Critic
from trainables.video_gan.losses.penalty import Penalty
from trainables.video_gan.modules.discriminator import Discriminator
from trainables.video_gan.modules.generator import LEVELS, Generator
from trainables.video_gan.modules.passes import Recorded, Tangent

SHARED = Path(__file__).parents[3].parent / "shared" / "golden"
GIVEN = os.environ.get("TGANV2_GOLDEN")
FOLDERS = (
    [Path(one) for one in GIVEN.split(os.pathsep)]
    if GIVEN
    else [SHARED / "tganv2", SHARED / "tganv2_float64"]
)
CASES = sorted(path for folder in FOLDERS for path in folder.glob("*.npz"))
GIVEN_TENSORS = r"config\..+|generator\..+|discriminator\..+|z|train\.offsets|real\..+"
RESULTS = {
    "dense videos of any length": r"dense\d*\..+",
    "training videos": r"train\.level\d",
    "running statistics": r"train\.after\..+",
    "logits": r"d\..+",
    "losses and the penalty": r"loss\..+",
    "gradients of the generator's loss": r"grad\.generator\..+",
    "gradients of the penalty": r"grad\.r1\..+",
}

pytestmark = pytest.mark.skipif(
    not CASES,
    reason=f"no golden tensors in {', '.join(map(str, FOLDERS))}; TGANV2_GOLDEN names other folders",
)
every_result = pytest.mark.parametrize("what", RESULTS)


class Golden:
    """One npz in that precision, and our networks with its weights."""

    def __init__(self, path: Path, dtype: torch.dtype = torch.float64) -> None:
        with np.load(path, allow_pickle=False) as file:
            tensors = {key: torch.from_numpy(np.asarray(file[key])) for key in file.files}
        self.exact = tensors["z"].dtype == torch.float64
        self.tensors = {key: x.to(dtype) if x.is_floating_point() else x for key, x in tensors.items()}
        self.generator = Generator(
            resolution=64 * self.size("t_size"),
            frames=self.size("frames"),
            strides=self["config.strides"].tolist(),
            z_dim=self.size("z_dim"),
            base_channels=self.size("base_channels"),
            clstm_channels=self.size("clstm_channels"),
        ).to(dtype)
        self.discriminator = Discriminator(channels=self.size("d_channels")).to(dtype)
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


def computed(golden: Golden) -> dict[str, Tensor]:
    """All that the file holds results of, in the reference's order: dense videos, one training forward, gradients."""
    found = {}
    golden.generator.eval()
    for key in golden.keys(r"dense\d*\.level(\d)"):
        length = golden[key[0]].shape[2]
        found[key[0]] = golden.generator.generate(golden["z"], level=int(key[1]), frames=length)
    videos = golden.generator.train()(golden["z"], golden["train.offsets"].tolist())
    found |= {f"train.level{level}": video for level, video in zip(LEVELS, videos, strict=True)}
    state = golden.generator.state_dict()
    found |= {key[0]: state[our_generator_name(key[1])] for key in golden.keys(r"train\.after\.(.+)")}

    verdict = Critic(golden.discriminator, penalty=Penalty("r1", 1.0))(golden.levels("real"), videos)
    found |= {"d.real.logits": torch.stack(verdict.real), "d.fake.logits": torch.stack(verdict.fake)}
    found |= {"loss.generator": verdict.loss_gen, "loss.discriminator": verdict.loss_dis}
    found["loss.r1_sum"] = verdict.loss_gp * len(golden["z"])

    keys = list(golden.keys(r"grad\.generator\.(.+)"))
    parameters = dict(golden.generator.named_parameters())
    wanted = [parameters[our_generator_name(key[1])] for key in keys]
    gradients = torch.autograd.grad(videos, wanted, verdict.fake_gradients)
    found |= {key[0]: gradient for key, gradient in zip(keys, gradients, strict=True)}
    found |= gradients_of_the_penalty(golden)
    return {key: x.detach().double().reshape(golden[key].shape) for key, x in found.items()}


def gradients_of_the_penalty(golden: Golden) -> dict[str, Tensor]:
    """Those of Σ_l Σ_i ‖∇D_l‖² alone."""
    for level, video in enumerate(golden.levels("real")):
        run, x = Recorded(), video.clone().requires_grad_()
        slope, cotangents = run.backward(golden.discriminator.logits(level, x, run, None), x)
        tangent = Tangent(run)
        with torch.no_grad():
            golden.discriminator.logits(level, slope, tangent, None)
        nothing = torch.zeros(len(x), dtype=x.dtype)
        for kernel, gradient in run.gradients(cotangents, nothing, tangent.inputs, 1.0):
            torch.autograd.backward(kernel, gradient)
    parameters = dict(golden.discriminator.named_parameters())
    found = {}
    for key in golden.keys(r"grad\.r1\.(.+)"):
        kernel_gradient = parameters[our_discriminator_name(key[1])].grad
        assert kernel_gradient is not None
        found[key[0]] = kernel_gradient
    return found


@lru_cache(maxsize=1)
def ours(path: Path) -> dict[str, Tensor]:
    """Our results in float64."""
    return computed(Golden(path))


@lru_cache(maxsize=1)
def rounding(path: Path) -> dict[str, float]:
    """What each result may be off by in float32."""
    return allowance(lambda: computed(Golden(path)), ours(path))


@pytest.fixture(scope="module", params=CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_every_tensor_of_the_file_is_given_or_a_result(path: Path) -> None:
    golden = Golden(path)
    results = [key[0] for pattern in RESULTS.values() for key in golden.keys(pattern)]
    given = [key[0] for key in golden.keys(GIVEN_TENSORS)]
    assert sorted(results + given) == sorted(golden.tensors)
    assert sorted(results) == sorted(ours(path))


@every_result
def test_in_float64(path: Path, what: str) -> None:
    golden = Golden(path)
    for key in golden.keys(RESULTS[what]):
        found, theirs = ours(path)[key[0]], golden[key[0]]
        if golden.exact:
            atol = 1e-8 * float(theirs.abs().max())
            assert float((found - theirs).abs().max()) <= atol, key[0]
        else:
            assert float((found - theirs).norm()) <= rounding(path)[key[0]], key[0]


def test_the_plain_pass_judges_like_the_critic(path: Path) -> None:
    golden = Golden(path)
    videos = [ours(path)[f"train.level{level}"] for level in LEVELS]
    with torch.no_grad():
        plain_NL = golden.discriminator(videos)
    torch.testing.assert_close(plain_NL.T.reshape(-1, 1), ours(path)["d.fake.logits"], rtol=1e-10, atol=1e-10)


@every_result
def test_in_float32_nothing_is_off_by_more_than_rounding(path: Path, what: str) -> None:
    golden, found = Golden(path), in_float32(path)
    for key in golden.keys(RESULTS[what]):
        assert float((found[key[0]] - ours(path)[key[0]]).norm()) <= rounding(path)[key[0]], key[0]


@lru_cache(maxsize=1)
def in_float32(path: Path) -> dict[str, Tensor]:
    return computed(Golden(path, torch.float32))


def test_less_precision_than_float32_is_more_than_rounding(path: Path) -> None:
    """What the bound is for: weights that passed through float16, once, are beyond it in every kind of result."""
    golden = Golden(path)
    with torch.no_grad():
        for parameter in (*golden.generator.parameters(), *golden.discriminator.parameters()):
            parameter.copy_(parameter.half())
    coarse, beyond = computed(golden), set()
    for what, pattern in RESULTS.items():
        for key in golden.keys(pattern):
            if float((coarse[key[0]] - ours(path)[key[0]]).norm()) > rounding(path)[key[0]]:
                beyond.add(what)
    assert beyond == RESULTS.keys()
