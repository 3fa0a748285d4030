"""An autoencoder of one data set, exported and brought to a GAN of another."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from retable.cli.main import main_study
from retable.data.decode.spec import ImageSpec
from retable.data.embedded.images import ensure_embedded_images
from retable.evaluation.pretrained import FILE, read_weights
from retable.figures.revive import revived
from retable.metrics.protocol import Protocol
from retable.store.ledger import Ledger
from retable.study.scale import Scale
from retable.study.study import Study
from retable.study.table import Column, Row, Table, unchanged
from retable.trial.config import TrialConfig
from retable.trial.distributed import Workers
from retable.trial.identity import identified
from retable.trial.trial import Trial
from tests.trainables.code_gan.stage_cases import PLANNED_ENCODER, PLANNED_GAN, NumberedImages, codec
from trainables.code_gan.autoencoder.export import main as export_main
from trainables.code_gan.autoencoder.learner import PretrainedAutoencoderLearner
from trainables.code_gan.autoencoder.pretrained import PretrainedAutoencoder

GAN = replace(PLANNED_GAN, encoder=replace(PLANNED_ENCODER, data=ImageSpec(size=16, classes=("elsewhere",))))


def study(name: str, metric: str, *configs: TrialConfig) -> Study[TrialConfig]:
    rows = tuple(Row(f"row {number}", config) for number, config in enumerate(configs))
    return Study(
        name=name,
        paper=name,
        tables=(Table("5", "", rows, (Column[TrialConfig](metric, metric),)),),
        scales={"smoke": Scale(name="smoke", data="own", shrink=unchanged, tables={"5": None})},
    )


def trained(results: Path) -> dict[str, list[Trial]]:
    """The finished trials by their trainable."""
    found: dict[str, list[Trial]] = {}
    for path in results.glob("trials/*/result.json"):
        trial = revived(json.loads((path.parent / "config.json").read_bytes()), path.parent.name)
        found.setdefault(trial.config.trainable, []).append(trial)
    return found


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A folder in which an autoencoder was trained and exported, and another data set."""
    folder = tmp_path_factory.mktemp("brought")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RETABLE_CACHE", str(folder / "cache"))
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        faces, cats = (ensure_embedded_images(images_per_class=n, size=32) for n in (2, 3))
        options = ["--local", "--data", str(faces), "--out", str(folder / "faces")]
        assert main_study(study("faces", "mse01", PLANNED_ENCODER), options) == 0
        (encoder,) = trained(folder / "faces")["code_autoencoder"]
        file = folder / "encoder.safetensors"
        arguments = [encoder.signature[:6], "--results", str(folder / "faces"), "--out", str(file)]
        assert export_main(arguments) == 0
        yield folder, cats


def test_a_gan_learns_the_codes_of_an_encoder_of_other_images(places: tuple[Path, Path]) -> None:
    folder, cats = places
    file = folder / "encoder.safetensors"
    options = ["--local", "--data", str(cats), "--out", str(folder / "cats"), "--encoder", str(file)]
    before = replace(GAN, accelerate=False)
    assert main_study(study("cats", "fid", before, GAN), options) == 0
    found = trained(folder / "cats")
    assert {name: len(trials) for name, trials in found.items()} == {
        "cnn": 1,
        "code_autoencoder": 1,
        "codes": 1,
        "code_gan": 2,
    }
    (brought,) = found["code_autoencoder"]
    assert isinstance(brought.config, PretrainedAutoencoder)
    assert brought.config.weights == read_weights(file).hash
    (own,) = trained(folder / "faces")["code_autoencoder"]
    assert own.data != brought.data
    place = folder / "cats" / "trials" / brought.signature
    assert (place / FILE).read_bytes() == file.read_bytes()
    scores = json.loads((place / "result.json").read_bytes())["scores"]
    assert sorted(Protocol.parse(name).family for name in scores) == ["mse01", "mse11", "psnr"]

    again = folder / "again.safetensors"
    arguments = [brought.signature, "--results", str(folder / "cats"), "--out", str(again)]
    assert export_main(arguments) == 0
    image = ImageSpec(size=16)
    assert PretrainedAutoencoder.of(again, image) == PretrainedAutoencoder.of(file, image) != brought.config


def test_an_encoder_of_another_data_set_is_needed_where_the_config_says_so(
    places: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cats = places
    monkeypatch.setenv("RETABLE_CACHE", str(folder / "nothing decoded"))
    arguments = ["--local", "--data", str(cats), "--out", str(folder / "x")]
    assert main_study(study("cats", "fid", GAN), arguments) == 2
    wanted = "images of the class elsewhere are asked for, but"
    assert wanted in " ".join(capsys.readouterr().out.split())
    assert not (folder / "nothing decoded" / "shards").exists()
    main_study(study("cats", "fid", GAN), ["plan", *arguments[1:]])
    assert wanted in " ".join(capsys.readouterr().out.split())


def test_a_brought_encoder_must_give_codes_of_the_size_that_is_asked_for(
    places: tuple[Path, Path],
) -> None:
    file = places[0] / "encoder.safetensors"
    other = replace(GAN, encoder=replace(PLANNED_ENCODER, code_divisor=2))
    with pytest.raises(ValueError, match=r"codes of \(divisor, channels\) = \(2, 16\) are asked for, but"):
        other.with_encoder(file)
    config = GAN.with_encoder(file)
    assert config.encoder == PretrainedAutoencoder.of(file, ImageSpec(size=16), PLANNED_ENCODER.scored)
    assert config.labels()["alpha"] == "brought"
    assert replace(GAN, accelerate=False).with_encoder(file).encoder == GAN.encoder
    with pytest.raises(ValueError, match="a code_autoencoder learns no codes; leave --encoder out"):
        PLANNED_ENCODER.with_encoder(file)


def test_the_weights_are_the_identity(places: tuple[Path, Path], tmp_path: Path) -> None:
    file, renamed, changed = places[0] / "encoder.safetensors", tmp_path / "a", tmp_path / "b"
    renamed.write_bytes(file.read_bytes())
    arrays = load_file(file)
    arrays["encoder.first.bias"][0] += 1
    header = {"format": "retable autoencoder", "code_divisor": "4", "code_channels": "16", "width": "2"}
    save_file(arrays, changed, metadata=header)
    one, same, other = (
        PretrainedAutoencoder.of(path, ImageSpec(size=16)) for path in (file, renamed, changed)
    )
    assert one == same != other
    assert identified(one)["weights"] == read_weights(file).hash != read_weights(changed).hash
    labels = [dict(replace(GAN, encoder=brought).labels()) for brought in (one, other)]
    assert [each["encoder_weights"] for each in labels] == [one.weights[:6], other.weights[:6]]
    assert [each["encoder_classes"] for each in labels] == ["", ""]  # not known


def test_another_autoencoder_in_its_trial_is_refused(tmp_path: Path) -> None:
    own = codec()
    arrays = {name: tensor.numpy() for name, tensor in own.tensors().items()}
    config = PretrainedAutoencoder(
        weights=own.weights, code_divisor=4, code_channels=3, width=2, data=ImageSpec(size=16)
    )
    save_file(arrays, tmp_path / FILE)
    PretrainedAutoencoderLearner(config, tmp_path, Workers(), NumberedImages())
    arrays["decoder.out.bias"] = arrays["decoder.out.bias"] + 1
    save_file(arrays, tmp_path / FILE)
    with pytest.raises(ValueError, match=f"must have the weights {own.weights[:12]}…, but has"):
        PretrainedAutoencoderLearner(config, tmp_path, Workers(), NumberedImages())


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"no weights", "can't be read"), (None, "is no file"), (b"", "can't be read")],
)
def test_a_file_that_is_no_autoencoder_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    error = FileNotFoundError if content is None else ValueError
    with pytest.raises(
        error, match=f"{words}.*; make it with `python -m trainables.code_gan.autoencoder.export`"
    ):
        PretrainedAutoencoder.of(file, ImageSpec(size=16))


def test_another_network_s_file_is_refused(tmp_path: Path, places: tuple[Path, Path]) -> None:
    file = tmp_path / "file"
    save_file(load_file(places[0] / "encoder.safetensors"), file, metadata={"format": "retable inception-v3"})
    with pytest.raises(ValueError, match="is not an exported autoencoder"):
        PretrainedAutoencoder.of(file, ImageSpec(size=16))


@pytest.mark.parametrize(
    "change", [{"width": "3"}, {"width": "wide"}, {"code_divisor": "3"}, {"width": None}]
)
def test_weights_that_are_not_what_their_file_says_are_refused(
    places: tuple[Path, Path], tmp_path: Path, change: dict[str, str | None]
) -> None:
    told = {
        "format": "retable autoencoder",
        "code_divisor": "4",
        "code_channels": "16",
        "width": "2",
        **change,
    }
    header = {name: size for name, size in told.items() if size is not None}
    save_file(load_file(places[0] / "encoder.safetensors"), tmp_path / "file", metadata=header)
    with pytest.raises(ValueError, match="file must hold an autoencoder of .*, but does not; make it with"):
        PretrainedAutoencoder.of(tmp_path / "file", ImageSpec(size=16))


def test_what_can_t_be_exported(places: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder, _ = places
    results = folder / "cats"
    with Ledger(results / "ledger.db") as ledger:
        gan = next(r.signature for r in ledger.trials() if r.identity["trainable"] == "code_gan")
    encoder = next(path.parent for path in results.glob(f"trials/*/{FILE}"))
    for signature, words in (
        ("nobody", f"must begin with 'nobody', but 0 do; its autoencoders are {encoder.name}"),
        ("", "must begin with '', but 5 do"),
        (str(encoder), "but 0 do"),
        (gan, "must be a code_autoencoder, but is a code_gan"),
    ):
        arguments = [signature, "--results", str(results), "--out", str(folder / "never")]
        assert export_main(arguments) == 2
        assert words in " ".join(capsys.readouterr().out.split())
    assert not (folder / "never").exists()
    assert export_main([encoder.name, "--results", str(results), "--out", str(folder)]) == 2
    assert "--out must be a file, such as" in " ".join(capsys.readouterr().out.split())
    (tensors,) = encoder.glob("checkpoints/*/state.safetensors")
    whole = tensors.read_bytes()
    tensors.write_bytes(whole[:-1])
    assert export_main([encoder.name, "--results", str(results), "--out", str(folder / "never")]) == 2
    assert "but its manifest gives" in " ".join(capsys.readouterr().out.split())
    tensors.write_bytes(whole)
