"""Codes that are stored: those that would be encoded, mirrored ones too, and never another encoder's."""

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from retable.data.decode.errors import DataError
from retable.data.decode.spec import ImageSpec
from retable.data.embedded.images import ensure_embedded_images
from retable.data.samples import array_store
from retable.data.samples.images import Images
from retable.data.samples.split import BATCHES
from retable.data.scan.catalog import scan
from retable.execution.progress import TrialProgress
from retable.metrics.protocol import Protocol
from retable.store import checkpoint
from retable.store.assignment import Assignment
from retable.store.fence import Fenced
from retable.store.formats.result import TrialResult
from retable.training import loop
from retable.training.run import AssignedRun
from retable.trial.distributed import Workers
from retable.trial.partitions import PartitionedConfig
from retable.trial.trial import Trial
from tests.trainables.code_gan.stage_cases import ENCODER, GAN, EncodedImages, MeanScorer, encoder_learner
from trainables.code_gan.autoencoder.codec import Codec
from trainables.code_gan.encoding.codes import StoredCodes
from trainables.code_gan.encoding.config import CodesConfig
from trainables.code_gan.encoding.learner import CodeWriter, Encoding, code_store, copies
from trainables.code_gan.learner import CodeGANLearner

CODES = CodesConfig(of=ENCODER, data=ImageSpec(size=16), batch_size=4, scored=6)
CPU = torch.device("cpu")
HALF, SINGLE = 2.0**-12 + 1e-10, 2.0**-25 + 1e-10
"""What stored numbers in [-1, 1] are off by at most where they are computed in float64."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield ensure_embedded_images(images_per_class=2, size=32)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_store, "ROWS", 6)


def run_of(config: CodesConfig, root: Path, folder: Path, attempt: int = 1, lr: float = 1e-3) -> AssignedRun:
    """A run of the codes' trial whose autoencoder is finished: another one for another `lr` under the same signature."""
    trial = Trial(config, 0, scan(root).fingerprint)
    (required,) = trial.requires()
    trained = folder / f"{required.signature}-{lr}"
    if not trained.exists():
        model = encoder_learner(replace(ENCODER, lr=lr), Workers())
        model.step(0)
        checkpoint.fence(trained, 1)
        checkpoint.save(
            trained, 1, {"learner": model.state(), "progress": {}}, signature=required.signature, attempt=1
        )
        TrialResult(required.signature, 0, "done", 1).write(trained)
    assignment = Assignment(trial, folder / "codes", root, attempt, {required.signature: trained})
    return AssignedRun(assignment, 0, 1, CPU)


def encoded(config: CodesConfig, run: AssignedRun) -> tuple[array_store.StoredArrays, Images, Codec]:
    """The codes after a whole run, their images drawn with seed 3, and the autoencoder."""
    model = config.build(0, run, Workers())
    assert isinstance(model, Encoding)
    for partition in model.partitions.missing():
        model.partitions.write(partition)
    model.evaluate(0, final=True)
    return model.partitions.store.open(), Images(run.data, config.data, "train", 3), model.partitions.codec


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("dtype", "off"), [("float32", SINGLE), ("float16", HALF)])
@pytest.mark.parametrize("flip", [True, False])
def test_a_batch_is_what_would_be_encoded(
    root: Path, tmp_path: Path, dtype: Literal["float16", "float32"], off: float, flip: bool
) -> None:
    config = replace(CODES, dtype=dtype, data=ImageSpec(size=16, flip=flip))
    arrays, images, codec = encoded(config, run_of(config, root, tmp_path))
    assert len(arrays) == len(images) * (2 if flip else 1) == copies(config.data) * 10
    codes = StoredCodes(arrays, images, copies(config.data))
    assert len({images.drawn(5, index)[1] for index in range(20)}) == (2 if flip else 1)
    batch = codes.batch(5, range(20))
    assert batch.dtype == torch.float32
    expected = EncodedImages(images, codec, CPU).batch(5, range(20))
    torch.testing.assert_close(batch.double(), expected, atol=off, rtol=0)
    if dtype == "float16":
        assert torch.equal(batch, batch.half().float())


def test_reading_a_batch_is_waiting_for_data(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays, images, _ = encoded(CODES, run_of(CODES, root, tmp_path))
    stacked = array_store.StoredArrays.stacked

    def slow(arrays: array_store.StoredArrays, numbers: Sequence[int]) -> array_store.Array:
        time.sleep(0.05)
        return stacked(arrays, numbers)

    monkeypatch.setattr(array_store.StoredArrays, "stacked", slow)
    before = BATCHES.seconds
    StoredCodes(arrays, images, 2).batch(0, range(4))
    assert BATCHES.seconds - before >= 0.05


def test_the_code_of_a_mirror_image_is_not_the_mirror_image_of_a_code(root: Path, tmp_path: Path) -> None:
    arrays, _, _ = encoded(CODES, run_of(CODES, root, tmp_path))
    assert not np.allclose(arrays[0], arrays[1][..., ::-1], atol=0.01)


def test_training_on_stored_codes_gives_the_same_numbers_to_their_rounding(
    root: Path, tmp_path: Path
) -> None:
    arrays, images, codec = encoded(CODES, run_of(CODES, root, tmp_path))
    weights = []
    for codes in (StoredCodes(arrays, images, 2), EncodedImages(images, codec, CPU)):
        model = CodeGANLearner(GAN, 3, Workers(), codes=codes, codec=codec, scorer=MeanScorer())
        untrained = torch.cat([p.detach().flatten().clone() for p in model.generator.parameters()])
        for at in range(3):
            model.step(at)
        weights.append(torch.cat([p.detach().flatten() for p in model.generator.parameters()]))
    moved = (weights[1] - untrained).norm()
    assert float((weights[0] - weights[1]).norm() / moved) < 0.02


def test_codes_are_never_paired_with_another_encoder(root: Path, tmp_path: Path) -> None:
    run = run_of(CODES, root, tmp_path)
    _, images, codec = encoded(CODES, run)
    code_store(CODES, run.folder, images, codec).open()
    with torch.no_grad():
        codec.encoder.first.weight[0, 0, 0, 0] += 1e-3
    with pytest.raises(DataError, match="was made from something else"):
        code_store(CODES, run.folder, images, codec).open()
    other = Images(root, replace(CODES.data, flip=False), "train", 3)
    with pytest.raises(DataError, match="was made from something else"):
        code_store(replace(CODES, data=other.spec), run.folder, other, codec).open()


def test_codes_of_an_autoencoder_that_was_trained_again_are_made_again(root: Path, tmp_path: Path) -> None:
    before, _, codec = encoded(CODES, run_of(CODES, root, tmp_path))
    old = before.stacked(range(20))
    again, _, other = encoded(CODES, run_of(CODES, root, tmp_path, lr=1e-2))
    assert codec.weights != other.weights
    assert not np.array_equal(old, again.stacked(range(20)))


def test_an_encoding_that_was_killed_goes_on(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(CODES, root, tmp_path)
    assert isinstance(CODES, PartitionedConfig)
    first, following = CODES.partitions(0, run), TrialProgress(run.folder, run.attempt)
    assert first.missing() == [0, 1, 2, 3]
    assert following.text(CODES) == "starting its workers"
    for partition in (2, 0):
        first.write(partition)
    assert following.text(CODES) == "2 of 4 shards"
    written: list[int] = []
    write = CodeWriter.write

    def watched(writer: CodeWriter, piece: int) -> None:
        written.append(piece)
        write(writer, piece)

    monkeypatch.setattr(CodeWriter, "write", watched)
    encoded(CODES, run)
    assert written == [1, 3]
    encoded(CODES, run)
    assert written == [1, 3]


@pytest.mark.parametrize("deleted", ["codes/00001-of-00004.arrow", "codes"])
def test_damaged_codes_of_a_finished_trial_are_made_again_once_they_are_deleted(
    root: Path, tmp_path: Path, deleted: str
) -> None:
    run = run_of(CODES, root, tmp_path)
    arrays, images, codec = encoded(CODES, run)
    before = arrays.stacked(range(20))
    shard = run.folder / "codes" / "00001-of-00004.arrow"
    shard.write_bytes(shard.read_bytes()[:-500])
    gan = AssignedRun(replace(run.assignment, folder=tmp_path / "gan"), 0, 1, CPU)
    writer = CodeWriter(CODES, gan, run.folder, images, codec)
    with pytest.raises(DataError, match="is damaged .*; delete it, and it is made again"):
        writer.whole(Workers()).stacked(range(20))
    path = run.folder / deleted
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert np.array_equal(writer.whole(Workers()).stacked(range(20)), before)


def test_seconds_of_encoding_survive_a_kill_and_count_once(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(CODES, root, tmp_path)
    codes = CodeWriter._codes

    def slow(writer: CodeWriter, rows: Sequence[int]) -> array_store.Array:
        time.sleep(0.3)
        return codes(writer, rows)

    monkeypatch.setattr(CodeWriter, "_codes", slow)
    first = CODES.partitions(0, run)
    for partition in (2, 0):
        first.write(partition)
    before = time.monotonic()
    assert loop.train(run.assignment.trial, run) == "done"
    here = time.monotonic() - before
    result = json.loads((run.folder / "result.json").read_bytes())
    assert 7 * 0.3 <= result["pieces_seconds"] == first.seconds()  # 6, 6, 6 and 2 codes, 4 at once
    assert 3 * 0.3 + result["evaluation_seconds"] <= here  # shards 1 and 3 were encoded here


def test_an_encoding_that_is_asked_to_stop_finishes_its_shard(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(CODES, root, tmp_path)
    codes = CodeWriter._codes

    def stopped(writer: CodeWriter, rows: Sequence[int]) -> array_store.Array:
        run.assignment.stop_request.touch()
        return codes(writer, rows)

    monkeypatch.setattr(CodeWriter, "_codes", stopped)
    assert loop.train(run.assignment.trial, run) == "stopped"
    assert CODES.partitions(0, run).missing() == [1, 2, 3]
    assert not (run.folder / "result.json").exists()
    monkeypatch.setattr(CodeWriter, "_codes", codes)
    run.assignment.stop_request.unlink()
    assert loop.train(run.assignment.trial, run) == "done"


def test_the_batches_of_a_shard_are_the_same_whoever_encodes_it(root: Path, tmp_path: Path) -> None:
    one, other = (encoded(CODES, run_of(CODES, root, tmp_path / name))[0] for name in ("one", "other"))
    assert one.stacked(range(20)).tobytes() == other.stacked(range(20)).tobytes()


def test_an_attempt_that_was_replaced_writes_nothing(root: Path, tmp_path: Path) -> None:
    old, new = (run_of(CODES, root, tmp_path, attempt) for attempt in (1, 2))
    checkpoint.fence(new.folder, 2)
    with pytest.raises(Fenced):
        CODES.partitions(0, old).write(0)
    CODES.partitions(0, new).write(0)


def test_an_attempt_that_is_replaced_over_a_shard_does_not_write_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = run_of(CODES, root, tmp_path)
    writer, codes = CODES.partitions(0, old), CodeWriter._codes

    def replaced(writer: CodeWriter, rows: Sequence[int]) -> array_store.Array:
        checkpoint.fence(old.folder, 2)
        return codes(writer, rows)

    monkeypatch.setattr(CodeWriter, "_codes", replaced)
    with pytest.raises(Fenced):
        writer.write(0)
    assert writer.missing() == [0, 1, 2, 3]


def test_what_rounding_does_is_scored_from_the_disk(root: Path, tmp_path: Path) -> None:
    found: dict[str, float] = {}
    types: tuple[Literal["float16", "float32"], ...] = ("float16", "float32")
    for dtype in types:
        config = replace(CODES, dtype=dtype)
        run = run_of(config, root, tmp_path / dtype)
        encoded(config, run)
        model = config.build(0, run, Workers())
        assert isinstance(model, Encoding)
        scores = {Protocol.parse(name): score.value for name, score in model.evaluate(0, final=True).items()}
        assert {(p.family, p.split, p.samples) for p in scores} == {
            (family, "train", 6) for family in ("mse01", "mse11", "psnr", "rounding")
        }
        found[dtype] = next(
            value for p, value in scores.items() if p.family == "rounding" and p.codes == dtype
        )
        assert model.samples().shape == (12, 1, 3, 16, 16)
    assert 0 < abs(found["float16"]) < 0.1  # percent
    assert abs(found["float32"]) < abs(found["float16"]) / 10


def test_codes_of_a_class_are_of_its_images_alone(root: Path, tmp_path: Path) -> None:
    config = replace(CODES, data=ImageSpec(size=16, classes=("Jack", "Mug")))
    arrays, images, _ = encoded(config, run_of(config, root, tmp_path))
    assert len(arrays) == 2 * len(images) == 4
    assert config.labels()["classes"] == "Jack+Mug"


def test_configs() -> None:
    assert CODES.shape == (3, 4, 4)
    assert CODES.requires() == (ENCODER,)
    assert CODES.with_iterations(7).of.iterations == 7
    assert CODES.labels()["dtype"] == "float16"
    signatures = {
        Trial(config, 0, "data").signature
        for config in (CODES, replace(CODES, dtype="float32"), replace(CODES, of=replace(ENCODER, lr=1e-4)))
    }
    assert len(signatures) == 3
    for change, words in (
        ({"iterations": 1}, "iterations must be 0 where nothing is trained"),
        ({"dtype": "int8"}, "dtype must be 'float16' or 'float32', but got 'int8'"),
        ({"data": ImageSpec(size=18)}, "multiple of code_divisor=4 pixels large, but got 18"),
    ):
        with pytest.raises(ValueError, match=words):
            replace(CODES, **change)
