"""What `retable data prepare` does, told on a console."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from retable.data.decode.pool import Readers
from retable.data.prepare import BAD_FILES, Preparation
from retable.data.scan.check import Report, rendered
from retable.io.console import file_progress_bar, progress_bar

SHOWN = 20  # bad files on the console; all are in a file


def prepare_data(
    preparation: Preparation,
    console: Console,
    *,
    workers: int | None = None,
    address: str | None = None,
    local: bool = False,
) -> int:
    """Make the folder that training reads; exit code 1 if training would refuse it.

    Args:
        preparation: what is to be prepared.
        console: where progress and the bad files go.
        workers: how many read files at a time; None for one on every CPU.
        address: a running Ray cluster; None for one of our own.
        local: read with processes of this machine, without Ray.

    Raises:
        DataError: the source, the folder or the disk won't do.
    """
    console.print(Text(preparation.inspect()))
    with _readers(preparation, workers, address, local) as readers:
        with file_progress_bar(console, "Looking at files") as told:
            found = preparation.look(readers, told)
        catalog = preparation.catalog(found)
        for split in preparation.splits:
            if catalog.refusal() is None:
                with file_progress_bar(console, f"Decoding {split}") as told:
                    catalog = preparation.decode(catalog, split, readers, told)
    report = preparation.finish(catalog, found)
    _tell(report, preparation.out, console)
    return 0 if report.refusal is None else 1


@contextmanager
def _readers(
    preparation: Preparation, workers: int | None, address: str | None, local: bool
) -> Iterator[Readers]:
    if local:
        yield Readers(processes=workers or 2)
        return
    from retable.cluster.decode import ray_readers

    folders = (preparation.source.layout.videos, preparation.out)
    with ray_readers(folders, workers, address) as readers:
        yield readers


def _tell(report: Report, out: Path, console: Console) -> None:
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
