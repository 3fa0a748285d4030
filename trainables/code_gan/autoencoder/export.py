"""A finished autoencoder as a file that GANs of another data set take: its encoder's codes need not be of its own images.

``python -m trainables.code_gan.autoencoder.export SIGNATURE --results results --out encoder.safetensors``

The signature is that of the autoencoder's trial (`plan` and `status` print it), and its first digits are enough.
The file holds the weights of F and H at the best snapshot. A study then takes it in the place of the one that it would train:
``--encoder encoder.safetensors``.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text
from safetensors.torch import save

from retable.figures.revive import revived
from retable.figures.trained_trial import descriptions
from retable.io.console import open_console
from retable.io.files import write_bytes
from retable.store.checkpoint import Corrupt
from retable.store.formats.layout import ResultsFolder
from retable.store.trained import trained
from trainables.code_gan.autoencoder.codec import Codec
from trainables.code_gan.autoencoder.config import AutoencoderConfig
from trainables.code_gan.autoencoder.pretrained import FORMAT, SIZES, PretrainedAutoencoder


def export(results: Path, prefix: str, out: Path) -> str:
    """Write the autoencoder of a finished trial as safetensors.

    Args:
        results: a study's folder of results.
        prefix: first digits of the trial's signature.
        out: the file.

    Returns:
        The hash of the weights, which identifies the autoencoder.

    Raises:
        FileNotFoundError: the trial is not finished.
        ValueError: none or several begin so, or it is no autoencoder.
        OSError: `out` can't be written.
        retable.store.checkpoint.Corrupt: the trial's best snapshot is damaged.
    """
    if out.is_dir():
        raise IsADirectoryError(
            f"--out must be a file, such as {out / 'encoder.safetensors'}, but {out} is a folder"
        )
    known = descriptions(results)
    found = [signature for signature in known if signature.startswith(prefix)]
    if len(found) != 1:
        encoders = [
            name for name in known if known[name].identity["trainable"] == AutoencoderConfig.trainable
        ]
        raise ValueError(
            f"one trial in {ResultsFolder(results).trials} must begin with {prefix!r}, but {len(found)} do; its autoencoders are "
            f"{', '.join(encoders) or 'none'}"
        )
    folder, identity = ResultsFolder(results).trial(found[0]).path, known[found[0]].identity
    if identity["trainable"] != AutoencoderConfig.trainable:
        raise ValueError(
            f"trial {folder.name} must be a {AutoencoderConfig.trainable}, but is a {identity['trainable']}"
        )
    config = revived(identity, folder.name).config
    if not isinstance(config, AutoencoderConfig | PretrainedAutoencoder):
        raise ValueError(  # noqa: TRY004 (the user gave it)
            f"trial {folder.name} is a {type(config).__name__}, which has no encoder"
        )
    codec = Codec.of(config, trained(folder).state("cpu"))
    header = {"format": FORMAT, **{name: str(getattr(config, name)) for name in SIZES}}
    write_bytes(out, save(codec.tensors(), metadata=header))
    return codec.weights


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns the exit code: 0 done, 2 bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m trainables.code_gan.autoencoder.export", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "signature", help="the autoencoder's trial, of whose signature the first digits are enough"
    )
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of results")
    parser.add_argument("--out", type=Path, required=True, help="file to write, later given as --encoder")
    return _export(parser.parse_args(arguments), open_console())


def _export(given: argparse.Namespace, console: Console) -> int:
    try:
        found = export(given.results, given.signature, given.out)
    except (ValueError, OSError, Corrupt) as error:
        console.print(Text(f"{error}", style="red"))
        return 2
    console.print(Text(f"{given.out} holds the autoencoder {found[:6]}.", style="bold"))
    console.print(Text(f"A study takes it in the place of the one it would train: --encoder {given.out}"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
