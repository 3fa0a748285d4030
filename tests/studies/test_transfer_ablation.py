"""Table 5: an encoder of some images, GANs of others, told apart by configs alone."""

from collections import Counter
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from retable.data.decode.spec import ImageSpec
from retable.data.embedded.stills import CLASSES
from retable.planning.duration import Machine
from retable.planning.estimate import estimate
from retable.planning.plan import make_plan
from retable.report.plan.table import print_forecast
from retable.report.tables.paper_check import check_paper
from retable.study.table import Row
from retable.trial.config import TrialConfig
from studies.transfer_ablation import CATEGORIES, CLAIM, EMBEDDED, ENCODER, FACES, ROWS, STUDY, TABLE
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.config import CodeGANConfig
from trainables.code_gan.encoding.config import CodesConfig

DATA = "0123456789abcdef"


def test_an_encoder_never_sees_what_its_gans_learn() -> None:
    together = [name for names in EMBEDDED.values() for name in names]
    assert sorted(together) == sorted(CLASSES)
    assert EMBEDDED.keys() == {*FACES, *CATEGORIES.values()}
    for scale in STUDY.scales.values():
        for cell in STUDY.cells(STUDY.table("5"), scale):
            config = cell.config
            assert isinstance(config, CodeGANConfig)
            assert isinstance(config.encoder, AutoencoderConfig)
            assert config.data.classes
            assert not set(config.data.classes) & set(config.encoder.data.classes)


@pytest.mark.parametrize(("scale", "categories"), [("smoke", 2), ("toy", 2), ("paper", 6)])
def test_one_encoder_serves_all_categories(scale: str, categories: int) -> None:
    plan = make_plan(STUDY, STUDY.scales[scale], DATA)
    kinds = Counter(planned.trial.config.trainable for planned in plan.trials)
    assert kinds == {
        "cnn": 1,
        "code_autoencoder": 1,
        "codes": categories,
        "code_gan": 2 * categories,
    }
    order = [planned.signature for planned in plan.trials]
    (encoder,) = (p for p in plan.trials if isinstance(p.trial.config, AutoencoderConfig))
    for planned in plan.trials:
        if isinstance(planned.trial.config, CodesConfig):
            assert planned.requires == (encoder.signature,)
        assert all(order.index(needed) < order.index(planned.signature) for needed in planned.requires)


def test_what_differs_in_the_encoder_s_images_alone_is_told_apart() -> None:
    cats = ROWS[0].config
    assert isinstance(cats, CodeGANConfig)
    rows = tuple(
        Row[TrialConfig](
            name, replace(cats, encoder=replace(ENCODER, data=replace(ENCODER.data, classes=(name,))))
        )
        for name in ("celeba_hq", "bus", "cat")
    )
    study = replace(STUDY, tables=(replace(TABLE, rows=rows),), claims=())
    plan = make_plan(study, STUDY.scales["paper"], DATA)
    for kind, count in (("code_gan", 4), ("codes", 3)):
        found = [planned for planned in plan.trials if planned.trial.config.trainable == kind]
        labels = [dict(planned.trial.config.labels()) for planned in found]
        assert len({str(each) for each in labels}) == len(found) == count
        assert len({planned.name for planned in found}) == count
    names = [planned.name for planned in found]
    assert names == ["encoder_classes=celeba_hq", "encoder_classes=bus", "codes"]
    assert [each["encoder_classes"] for each in labels] == ["celeba_hq", "bus", ""]


def test_the_plan_shows_the_chain() -> None:
    plan = make_plan(STUDY, STUDY.scales["smoke"], DATA)
    forecast = estimate([plan], Path("nowhere"), {}, Machine())
    console = Console(file=StringIO(), width=100)
    print_forecast(forecast, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    lines = text.splitlines()
    titles = [line.split(":")[0] for line in lines if " trial" in line and line[:3] in ("cnn", "cod")]
    assert titles == ["cnn", "code_autoencoder", "codes", "code_gan"]
    trials = {planned.signature[:8]: planned.trial.config for planned in plan.trials}
    words = [line.split() for line in lines]
    (judge,), (encoder,) = (
        [s for s, config in trials.items() if config.trainable == kind]
        for kind in ("cnn", "code_autoencoder")
    )
    assert f"code_gan: 4 trials; each waits for cnn {judge}" in text
    assert f"codes: 2 trials; each waits for code_autoencoder {encoder}" in " ".join(text.split())
    for signature, config in trials.items():
        if isinstance(config, CodeGANConfig) and config.codes:
            (row,) = (one for one in words if one and one[0] == signature)
            (codes,) = (s for s, other in trials.items() if other == config.codes)
            assert row[-2:] == [codes, "5"]


def test_the_papers_numbers_stand_beside_and_bear_its_claim_out() -> None:
    cells = STUDY.cells(STUDY.table("5"), STUDY.scales["smoke"])
    found = [cell.published and cell.published.value for cell in cells if cell.metric == "fid"]
    assert found == [66.90, 34.25, 72.53, 25.78, 25.75, 15.29, 62.44, 28.42, 38.32, 17.90, 30.99, 21.91]
    check = check_paper(STUDY, CLAIM)
    assert (check.holds, check.held, check.unstated) == (True, 6, 0)


def test_at_paper_scale_an_encoder_may_be_brought_instead() -> None:
    config = next(iter(STUDY.cells(STUDY.table("5"), STUDY.scales["paper"]))).config
    assert isinstance(config, CodeGANConfig)
    assert config.encoder is not None
    assert config.encoder.data == ImageSpec(size=128, classes=("celeba_hq",))
    assert config.data == ImageSpec(size=256, classes=("cat",))
    with pytest.raises(FileNotFoundError, match="nowhere.*trainables.code_gan.autoencoder.export"):
        list(make_plan(STUDY, STUDY.scales["paper"].with_encoder(Path("nowhere")), DATA).trials)
