import json
from pathlib import Path

import pytest

from retable.io.sealed import DamagedFile
from retable.store.formats.description import TrialDescription

IDENTITY = {
    "trainable": "walk",
    "config": {"iterations": 8, "rate": 1e-9},
    "seed": 1,
    "data": "00ff",
    "requires": ["12"],
}
DESCRIPTION = TrialDescription("0123", "s_t=4", "beef", "smoke", "walks", IDENTITY)


def test_a_description_comes_back(tmp_path: Path) -> None:
    assert TrialDescription.read(tmp_path) is None
    DESCRIPTION.write(tmp_path)
    assert TrialDescription.read(tmp_path) == DESCRIPTION


def test_one_of_an_older_version_has_no_seal_and_fewer_labels(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"signature": "0123", "name": "s_t=4", **IDENTITY}))
    assert TrialDescription.read(tmp_path) == TrialDescription("0123", "s_t=4", "", "", "", IDENTITY)


def test_a_changed_setting_is_noticed(tmp_path: Path) -> None:
    DESCRIPTION.write(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"iterations": 8', '"iterations": 9'))
    with pytest.raises(DamagedFile, match=r"config\.json was changed after it was written"):
        TrialDescription.read(tmp_path)
    path.write_text("{}")
    with pytest.raises(DamagedFile, match=r"config\.json describes no trial: it has no 'signature'"):
        TrialDescription.read(tmp_path)
