"""Every family keeps the contract: its configs are data, and what they name is there and can be called."""

import ast
import inspect
import json
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from retable.data.decode.spec import ClipSpec, ImageSpec
from retable.data.embedded.clips import ensure_embedded
from retable.data.embedded.images import ensure_embedded_images
from retable.evaluation.config import Evaluation
from retable.figures.revive import known_configs
from retable.store.assignment import Assignment
from retable.training.run import AssignedRun
from retable.trial.config import TrialConfig
from retable.trial.distributed import Workers
from retable.trial.entry_points import resolve
from retable.trial.learner import Best
from retable.trial.trial import Trial
from tests.trainables.code_gan.stage_cases import ENCODER
from trainables.classifiers.c3d.scales import SMALL
from trainables.classifiers.cnn.config import ImageClassifierConfig
from trainables.video_gan.config import VideoGANConfig

ROOT = Path(__file__).parents[2]
CONFIGS = [
    kind
    for kind in known_configs()
    if kind.__module__.startswith("trainables.")
    and not inspect.isabstract(kind)
    and hasattr(kind, "trainable")
]
ARGUMENTS = {"learner": 4, "costs": 1, "figures": 3, "joint_figures": 2}
"""How many each callable is called with."""

VIDEO_GAN = VideoGANConfig(
    batch_size=2,
    resolution=16,
    frames=4,
    z_dim=3,
    base_channels=2,
    clstm_channels=4,
    d_channels=2,
    data=ClipSpec(size=16, frames=4),
    evaluation=Evaluation(classifier=SMALL),
)
NAMED = [(kind, attribute) for kind in CONFIGS for attribute in ARGUMENTS if getattr(kind, attribute)]


def name_of(case: object) -> str:
    return case.__name__ if isinstance(case, type) else str(case)


def test_all_families_are_here() -> None:
    assert {kind.trainable for kind in CONFIGS} == {
        "c3d",
        "cnn",
        "code_autoencoder",
        "code_gan",
        "code_gan_sampling",
        "code_reconstruction",
        "codes",
        "inception",
        "real_clips",
        "real_images",
        "video_gan",
        "video_gan_sampling",
    }


@pytest.mark.parametrize(("kind", "attribute"), NAMED, ids=name_of)
def test_every_name_resolves_to_something_that_takes_the_contracts_arguments(
    kind: type[TrialConfig], attribute: str
) -> None:
    found = resolve(kind, attribute)
    inspect.signature(found).bind(*range(ARGUMENTS[attribute]))


@pytest.mark.parametrize("kind", CONFIGS, ids=name_of)
def test_every_learner_has_the_contracts_members(kind: type[TrialConfig]) -> None:
    found = resolve(kind, "learner")
    learner: Any = found if isinstance(found, type) else getattr(found, "__self__", None)
    assert isinstance(learner.best, Best)
    for member in ("step", "evaluate", "samples", "state", "load_state"):
        assert callable(getattr(learner, member)), member


@pytest.mark.parametrize("kind", CONFIGS, ids=name_of)
def test_costs_are_named_where_they_are_counted(kind: type[TrialConfig]) -> None:
    assert bool(kind.costs) == (kind.cost_key is not TrialConfig.cost_key)


def test_no_config_imports_a_learner_costs_or_figures_anywhere() -> None:
    named = {getattr(kind, attribute).partition(":")[0] for kind, attribute in NAMED}
    sources = {Path(inspect.getfile(kind)) for kind in CONFIGS}
    assert len(sources) >= 9
    imported = {(path.name, module) for path in sources for module in imports(path)}
    assert len(imported) > 30
    assert {(name, module) for name, module in imported if module in named} == set()


def imports(path: Path) -> Iterator[str]:
    """Modules that a file imports: for types and inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_all_configs_are_found_without_torch() -> None:
    code = (
        "import json, sys\nfrom retable.figures.revive import known_configs\n"
        "print(json.dumps([sorted(kind.__name__ for kind in known_configs()), 'torch' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    names, torch_is_loaded = json.loads(done.stdout)
    assert {kind.__name__ for kind in CONFIGS} <= set(names)
    assert not torch_is_loaded


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Path]]:
    """Two clips and two images of each embedded class, with a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(tmp_path_factory.mktemp("cache")))
        images = ensure_embedded_images(images_per_class=2, size=32)
        yield {"video": ensure_embedded(clips_per_class=2), "image": images}


@pytest.mark.parametrize(
    "config",
    [
        replace(SMALL, data=ClipSpec(size=8, frames=4), batch_size=2, fc=4, dropout=0.5),
        VIDEO_GAN,
        ImageClassifierConfig(widths=(2, 4), features=3, data=ImageSpec(size=8)),
        ENCODER,
    ],
    ids=lambda config: type(config).__name__,
)
def test_a_learner_that_its_config_builds_takes_a_step(
    config: TrialConfig, data: Mapping[str, Path], tmp_path: Path
) -> None:
    trial, root = Trial(config, 0, "00ff"), data[config.needs.kind or ""]
    run = AssignedRun(Assignment(trial, tmp_path, root, 1, {}), 0, 1, torch.device("cpu"))
    losses = Workers().mean(config.build(0, run, Workers()).step(0))
    assert losses
    assert all(map(math.isfinite, losses.values()))
