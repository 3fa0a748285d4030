"""LSUN's layout, with a stand-in for the package lmdb and, where it is installed, with the package itself."""

import io
import resource
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retable.data.decode import lmdb
from retable.data.decode.errors import DataError
from retable.data.decode.pool import Readers
from retable.data.decode.spec import ImageSpec
from retable.data.samples.images import Images
from retable.data.scan.catalog import scan

Write = Callable[[Path, Mapping[bytes, bytes]], None]

# An environment whose data.mdb is the repr of a dict: found by reader processes before a real package.
STAND_IN = """
import ast, pathlib

Error = SyntaxError  # of a file that holds no dict

class Cursor:
    def __init__(self, values):
        self.keys, self.at = sorted(values), 0
    def set_range(self, key):
        self.at = next((n for n, own in enumerate(self.keys) if own >= key), len(self.keys))
        return self.at < len(self.keys)
    def iternext(self, keys, values):
        assert keys and not values
        return iter(self.keys[self.at:])

class Transaction:
    def __init__(self, values):
        self.values = values
    def get(self, key):
        return self.values.get(key)
    def cursor(self):
        return Cursor(self.values)

class Environment:
    def __init__(self, folder):
        self.values = ast.literal_eval(pathlib.Path(folder, "data.mdb").read_text())
    def begin(self):
        return Transaction(self.values)

def open(folder, readonly, lock, readahead, create):
    assert readonly and not lock and not create
    return Environment(folder)
"""


def write_stand_in(folder: Path, values: Mapping[bytes, bytes]) -> None:
    folder.mkdir(parents=True)
    (folder / "data.mdb").write_text(repr(dict(values)))


def write_real(folder: Path, values: Mapping[bytes, bytes]) -> None:
    lmdb = pytest.importorskip("lmdb")
    folder.mkdir(parents=True)
    with (
        lmdb.open(str(folder), map_size=1 << 24) as environment,
        environment.begin(write=True) as transaction,
    ):
        for key, value in values.items():
            transaction.put(key, value)


@pytest.fixture(params=["stand-in", "real"])
def write(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    if request.param == "real":
        pytest.importorskip("lmdb")
        return write_real
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "lmdb.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))
    return write_stand_in


def picture(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "webp", lossless=True)
    return file.getvalue()


def test_lsun(tmp_path: Path, write: Write) -> None:
    root = tmp_path / "lsun"
    write(root / "bedroom_train_lmdb", {b"k%d" % n: picture(n) for n in range(4)})
    write(root / "bedroom_val_lmdb", {b"k9": picture(9)})
    write(root / "dining_room_train_lmdb", {b"a/b \\xff": picture(10), b"c": picture(11)})
    write(root / "dining_room_val_lmdb", {b"d": picture(12)})
    catalog = scan(root, cache=tmp_path / "cache")
    assert (catalog.classes, catalog.kind) == (("bedroom", "dining_room"), "image")
    assert [(v.path, v.split, v.label, v.problem) for v in catalog.videos][3:6] == [
        ("bedroom_train_lmdb/data.mdb/k3", "train", 0, None),
        ("bedroom_val_lmdb/data.mdb/k9", "test", 0, None),
        ("dining_room_train_lmdb/data.mdb/a%2Fb%20%5Cxff", "train", 1, None),
    ]
    images = Images(root, ImageSpec(size=10), "train", 0, tmp_path / "cache")
    assert images.labels == (0, 0, 0, 0, 1, 1)
    known = {np.asarray(Image.open(io.BytesIO(picture(n))))[:, 1:11].tobytes() for n in (0, 1, 2, 3, 10, 11)}
    assert {images.evaluation(n)[0].transpose(1, 2, 0).tobytes() for n in range(6)} == known


def test_class_folders_beside_environments(tmp_path: Path, write: Write) -> None:
    """Table 5 of the code-GAN: LSUN as downloaded, and the faces that its encoder is trained on."""
    root = tmp_path / "lsun"
    write(root / "cat", {b"k%d" % n: picture(n) for n in range(3)})
    write(root / "bus_train_lmdb", {b"k": picture(3)})
    write(root / "bus_val_lmdb", {b"k": picture(4)})
    for number in range(5, 8):
        path = root / "celeba_hq" / "deep" / f"{number}.webp"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
    (root / "notes").mkdir()
    catalog = scan(root, cache=tmp_path / "cache")
    assert catalog.classes == ("bus", "cat", "celeba_hq")
    assert sum(v.path.startswith("celeba_hq/deep/") for v in catalog.videos) == 3
    for name, tested in (("cat", 1), ("celeba_hq", 1), ("bus", 1)):
        label = catalog.classes.index(name)
        splits = sorted(v.split for v in catalog.videos if v.label == label)
        assert splits == ["test"] * tested + ["train"] * (len(splits) - tested)
    faces = ImageSpec(size=10, classes=("celeba_hq",))
    assert len(Images(root, faces, "train", 0, tmp_path / "cache")) == 2


def test_one_environment_alone_and_pages_of_keys(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retable.data.scan.image_folders.PAGE", 3)
    write(tmp_path / "church", {b"%02d" % n: picture(n) for n in range(9)})
    catalog = scan(tmp_path / "church", cache=tmp_path / "cache")
    assert [v.path for v in catalog.videos] == [f"data.mdb/{n:02}" for n in range(9)]
    assert catalog.classes == ("image",)
    assert [len(catalog.usable(split).videos) for split in ("train", "test")] == [8, 1]


def test_values_that_are_no_images_are_found(tmp_path: Path, write: Write) -> None:
    values = {b"good": picture(0), b"none": b"", b"text": b"no image", b"cut": picture(1)[:-40]}
    write(tmp_path / "cat_lmdb", values)
    catalog = scan(tmp_path / "cat_lmdb", cache=tmp_path / "cache")
    problems = {v.path.rpartition("/")[2]: v.problem for v in catalog.videos}
    assert (problems["good"], problems["none"], problems["text"]) == (None, "empty", "not an image")
    assert problems["cut"] is not None


def test_an_environment_over_which_readers_die_is_an_error_of_the_data(
    tmp_path: Path, misbehaving: Callable[..., Readers]
) -> None:
    write_stand_in(tmp_path / "dies", {b"a": picture(0)})
    with pytest.raises(DataError, match="can't be listed: the reader exited with 3; copy it again"):
        scan(tmp_path / "dies", cache=tmp_path / "cache", readers=misbehaving("list keys"))


def test_a_file_that_is_no_environment(tmp_path: Path, write: Write) -> None:
    (tmp_path / "set" / "cat_lmdb").mkdir(parents=True)
    (tmp_path / "set" / "cat_lmdb" / "data.mdb").write_text("not an environment")
    with pytest.raises(DataError, match="cat_lmdb must be an LMDB environment, but .*; copy it again"):
        scan(tmp_path / "set", cache=tmp_path / "cache")


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "lmdb.py").write_text("raise ModuleNotFoundError('lmdb')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))
    write_stand_in(tmp_path / "cat_lmdb", {b"a": picture(0)})
    with pytest.raises(DataError, match=r"lmdb is not installed; run pip install 'retable\[lmdb\]'"):
        scan(tmp_path / "cat_lmdb", cache=tmp_path / "cache")


def test_the_limit_on_memory_grows_by_what_is_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    unlimited, said = resource.RLIM_INFINITY, []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: said.append(limits))
    for limits in ((100, unlimited), (100, 150), (unlimited, unlimited)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, limits=limits: limits)
        lmdb._allow(70)
    assert said == [(170, unlimited), (150, 150)]
