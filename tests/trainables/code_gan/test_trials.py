"""Both stages through the plan, on a few embedded images."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from retable.data.embedded.images import ensure_embedded_images
from retable.metrics.protocol import Protocol
from retable.trial.config import TrialConfig
from tests.trainables.code_gan.stage_cases import PLANNED_ENCODER, PLANNED_GAN
from tests.trainables.trained_plan import Outcome, outcome_of
from trainables.code_gan.encoding.config import CodesConfig
from trainables.code_gan.reconstruction.config import ReconstructionConfig

SEED = 3
AGAIN = ReconstructionConfig(of=PLANNED_ENCODER, resolution=16)
CONFIGS: dict[str, TrialConfig] = {
    "encoder": PLANNED_ENCODER,
    "its own size": AGAIN,
    "larger": replace(AGAIN, resolution=24),
    "after": PLANNED_GAN,
    "before": replace(PLANNED_GAN, accelerate=False),
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("code_gan")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(folder / "cache"))
        root = ensure_embedded_images(images_per_class=2, size=32)
        yield outcome_of(CONFIGS, "mse01", root, folder, SEED)


def scores(outcome: Outcome, name: str) -> dict[str, Any]:
    found = outcome.result(name)["scores"].items()
    return {Protocol.parse(protocol).family: score["value"] for protocol, score in found}


def test_what_several_trials_need_is_trained_once(outcome: Outcome) -> None:
    trained = [planned.trial for planned in outcome.plan.trials if planned.trial.config.iterations]
    assert [(trial.config.trainable, trial.seed) for trial in trained] == [
        ("code_autoencoder", SEED),  # of the reconstructions
        ("cnn", 0),
        ("code_autoencoder", 0),  # of the GAN and its codes
        ("code_gan", SEED),
        ("code_gan", SEED),
    ]
    assert len(outcome.plan.trials) == len(CONFIGS) + 3
    (codes,) = (planned for planned in outcome.plan.trials if isinstance(planned.trial.config, CodesConfig))
    gan = next(
        planned for planned in outcome.plan.trials if planned.signature == outcome.folder("after").name
    )
    assert codes.trial.seed == 0
    assert codes.requires == (gan.requires[1],)
    assert codes.signature == gan.requires[2]


@pytest.mark.parametrize("name", ["before", "after"])
def test_samples_are_scored(outcome: Outcome, name: str) -> None:
    found = scores(outcome, name)
    assert found.keys() == {"fid", "kid", "is", "precision", "recall"}
    assert found["fid"] >= 0
    assert 1 <= found["is"] <= 10


def test_at_its_own_size_a_reconstruction_has_the_trainings_own_scores(outcome: Outcome) -> None:
    own = scores(outcome, "its own size")
    assert abs(own.pop("rounding")) < 1  # percent
    assert own == pytest.approx(scores(outcome, "encoder"), rel=1e-6)
    assert own["mse11"] == pytest.approx(4 * own["mse01"])


def test_another_size_gives_other_scores(outcome: Outcome) -> None:
    own = scores(outcome, "its own size")
    assert scores(outcome, "larger")["mse01"] != pytest.approx(own["mse01"], rel=1e-3)


def test_images_and_their_reconstructions_can_be_looked_at(outcome: Outcome) -> None:
    with Image.open(outcome.folder("larger") / "samples" / "00000000.png") as picture:
        assert len(picture.convert("RGB").getcolors(picture.width * picture.height) or ()) > 1
