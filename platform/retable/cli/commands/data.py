"""`retable data check` and `retable data prepare`: a data set before it is trained on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter
from rich.console import Console
from rich.text import Text

from retable.cli.arguments import values
from retable.cli.arguments.options import FLAT, choice, flag, option
from retable.cli.arguments.request import Given, Session
from retable.io.console import file_progress_bar, progress_bar

if TYPE_CHECKING:
    from retable.data.decode.pool import Readers
    from retable.data.decode.spec import Spec
    from retable.data.prepare import Preparation
    from retable.data.scan.check import Report

SHOWN = 20  # bad files on the console; all are in a file

data = App(name="data", help="Check or prepare a data set.")
prepare = App(
    name="prepare", help="Decode a data set once, so that training reads it from memory-mapped files."
)
data.command(prepare)

Source = Annotated[Path, option("DIR", "Folder of the data set as downloaded. It is only read.", Path)]
NewFolder = Annotated[Path, option("DIR", "Folder to write. Give it to training as --data.", Path)]
Size = Annotated[int, option("PIXELS", "Height and width.", values.positive)]
Frames = Annotated[int, option("N", "Frames of a clip.", values.positive)]
Splits = Annotated[tuple[str, ...], option("NAME,…", "Splits to decode: train,test.", values.names)]


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """The processes that decode."""

    workers: Annotated[
        int | None, option("N", "Files to decode at the same time. Default: one per CPU.", values.positive)
    ] = None
    address: Annotated[
        str | None,
        option(
            "ADDRESS",
            "Running Ray cluster that contains this machine: auto. Default: Ray on this machine.",
        ),
    ] = None
    local: Annotated[bool, flag("Decode in processes of this machine, without Ray.")] = False


@data.command
def check(
    folder: Annotated[
        Path,
        Parameter(name="DIR", help="Data set: videos in the layout of UCF101 or FaceForensics, or images."),
    ],
    /,
    *,
    frames: Annotated[
        int, option("N", "Frames per clip; shorter videos are bad files.", values.positive)
    ] = 16,
    size: Annotated[int, option("PIXELS", "Minimum length of an image's shorter side.", values.positive)] = 1,
    checksums: Annotated[
        Path | None,
        option(
            "FILE", "Checksums of the files, as sha256sum or md5sum writes them. Default: not compared.", Path
        ),
    ] = None,
    session: Given,
) -> int:
    """List the files of a data set that training can't use."""
    return check_data(folder, frames, size, session.console, checksums)


@prepare.command
def ucf101(
    *,
    source: Source,
    out: NewFolder,
    size: Size = 192,
    frames: Frames = 16,
    crop: Annotated[
        Literal["reference", "paper"],
        choice(
            "reference: the whole frame at 4:3, cropped in training, as in TGANv2's code; paper: the centre square, "
            "as in its text."
        ),
    ] = "reference",
    splits: Splits = ("train",),
    decoding: Annotated[Decoding, FLAT] = Decoding(),
    session: Given,
) -> int:
    """Decode UCF101 as downloaded: the folders UCF-101 and ucfTrainTestlist."""
    from retable.data.decode.spec import ClipSpec

    spec = ClipSpec(frames=frames, size=size, crop=crop)
    return _prepare("ucf101", source, out, spec, splits, decoding, session)


@prepare.command
def faceforensics(
    *,
    source: Source,
    out: NewFolder,
    size: Size = 256,
    frames: Frames = 16,
    smooth: Annotated[
        int,
        option(
            "N",
            "Average the face's square over N frames before and after. 0: no averaging, as in the reference.",
            int,
        ),
    ] = 0,
    splits: Splits = ("train",),
    decoding: Annotated[Decoding, FLAT] = Decoding(),
    session: Given,
) -> int:
    """Decode FaceForensics, version 1, as downloaded: original and mask videos."""
    from retable.data.decode.spec import FaceSpec

    spec = FaceSpec(frames=frames, size=size, smooth=smooth)
    return _prepare("faceforensics", source, out, spec, splits, decoding, session)


@prepare.command
def images(
    *,
    source: Source,
    out: NewFolder,
    size: Size = 256,
    crop: Annotated[
        Literal["square", "none"],
        choice("square: the centre square; none: the whole picture, whatever its shape."),
    ] = "square",
    splits: Splits = ("train", "test"),
    decoding: Annotated[Decoding, FLAT] = Decoding(),
    session: Given,
) -> int:
    """Decode images: one folder, folders of classes, or the LMDB folders of LSUN."""
    from retable.data.decode.spec import ImageSpec

    return _prepare("images", source, out, ImageSpec(size=size, crop=crop), splits, decoding, session)


def _prepare(
    name: str,
    source: Path,
    out: Path,
    spec: "Spec",
    splits: tuple[str, ...],
    decoding: Decoding,
    session: Session,
) -> int:
    from retable.data.prepare import Preparation
    from retable.data.scan import source as layouts

    preparation = Preparation(
        source=layouts.Source(
            name, source.absolute()
        ),  # absolute, for a cluster's workers run in another folder
        out=out.absolute(),
        spec=spec,
        splits=splits,
    )
    return prepare_data(
        preparation,
        session.console,
        workers=decoding.workers,
        address=decoding.address,
        local=decoding.local,
    )


def prepare_data(
    preparation: "Preparation",
    console: Console,
    *,
    workers: int | None = None,
    address: str | None = None,
    local: bool = False,
) -> int:
    """Write the folder that training reads; exit code 1 if training would refuse it.

    Args:
        preparation: data set, folder and form.
        console: for progress and the bad files.
        workers: files read at a time; None for one on every CPU.
        address: a running Ray cluster; None for a new one on this machine.
        local: read with processes of this machine, without Ray.

    Raises:
        DataError: the source, the folder or the disk can't be used.
    """
    console.print(Text(preparation.inspect()))
    with _readers(preparation, workers, address, local) as readers:
        with file_progress_bar(console, "Looking at files") as progress:
            found = preparation.look(readers, progress)
        catalog = preparation.catalog(found)
        for split in preparation.splits:
            if catalog.refusal() is None:
                with file_progress_bar(console, f"Decoding {split}") as progress:
                    catalog = preparation.decode(catalog, split, readers, progress)
    report = preparation.finish(catalog, found)
    _print_report(report, preparation.out, console)
    return 0 if report.refusal is None else 1


@contextmanager
def _readers(
    preparation: "Preparation", workers: int | None, address: str | None, local: bool
) -> "Iterator[Readers]":
    from retable.data.decode.pool import Readers

    if local:
        yield Readers(processes=workers or 2)
        return
    from retable.cluster.decode import ray_readers

    folders = (preparation.source.layout.videos, preparation.out)
    with ray_readers(folders, workers, address) as readers:
        yield readers


def _print_report(report: "Report", out: Path, console: Console) -> None:
    from retable.data.prepare import BAD_FILES
    from retable.data.scan.check import rendered

    console.print(rendered(report, most=SHOWN))
    if report.bad:
        console.print(Text(f"The {len(report.bad)} bad files are also listed in {out / BAD_FILES}."))
    if report.refusal is None:
        console.print(Text(f"Ready: train with --data {out}"))


def check_data(folder: Path, frames: int, size: int, console: Console, checksums: Path | None = None) -> int:
    """List the files of a data set that training can't use; exit code 1 if it would refuse it or a checksum differs."""
    from retable.data.scan.check import check, rendered

    with progress_bar(console, f"Reading the files of {folder}") as progress:
        report = check(folder, frames=frames, size=size, progress=progress, checksums=checksums)
    console.print(rendered(report))
    return 0 if report.passed else 1
