"""A data set's codes at work: encoded shard by shard, wherever the processes are, and scored as they were stored."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self, cast

import numpy as np
import torch
from torch import Tensor

from retable.data.decode.spec import ImageSpec
from retable.data.samples.array_store import Array, ArrayStore, StoredArrays
from retable.data.samples.images import Images, mirrored
from retable.data.samples.pixels import to_model
from retable.store import fence
from retable.trial.distributed import Workers
from retable.trial.learner import Best, Score
from retable.trial.run import Run
from retable.trial.scoring import Scoring
from trainables.code_gan.autoencoder.codec import Codec, trained_codec
from trainables.code_gan.autoencoder.scores import beside, reconstruction_scores
from trainables.code_gan.encoding.config import FOLDER, CodesConfig

SPLIT = "train"
PREVIEW = 6


def copies(data: ImageSpec) -> int:
    """Codes of each image: its own, and its mirror image's where half of the images are mirrored."""
    return 2 if data.flip else 1


def code_store(config: CodesConfig, folder: Path, images: Images, codec: Codec) -> ArrayStore:
    """Folder of the codes. Its key is what they are made from: no other encoder's can be taken for them.

    The code of image n is array n · copies, and its mirror image's is the next one.

    Args:
        folder: the trial's.
        images: the train split, as the config has it.
        codec: of the config's autoencoder.
    """
    return ArrayStore(
        folder=folder / FOLDER,
        count=len(images) * copies(config.data),
        shape=config.shape,
        dtype=config.dtype,
        key={"autoencoder": codec.weights, "images": images.fingerprint, "split": SPLIT},
    )


class CodeWriter:
    """The shards of a trial's codes, as one process sees them.

    Args:
        run: the attempt that writes: of that trial, or of one that needs its codes.
        folder, images, codec: as of `code_store`.
    """

    def __init__(self, config: CodesConfig, run: Run, folder: Path, images: Images, codec: Codec) -> None:
        self.config, self.run, self.images, self.codec = config, run, images, codec
        self.store = code_store(config, folder, images, codec)

    @classmethod
    def of(cls, config: CodesConfig, seed: int, run: Run) -> Self:
        """Work of the codes' own trial."""
        images = Images(run.data, config.data, SPLIT, seed)
        return cls(config, run, run.folder, images, trained_codec(config.of, 0, run, run.device))

    def missing(self) -> list[int]:
        """The shards that are still to be encoded.

        Raises:
            DiskFull: there is no room for them.
        """
        missing = self.store.missing()
        self.store.require_room(missing)
        return missing

    def write(self, partition: int) -> None:
        """Encode a shard, in batches that are always the same ones."""
        fence.check(self.run.folder, self.run.attempt)
        self.store.write(partition, self._batches(self.store.rows(partition)))

    def seconds(self) -> float:
        """Seconds of all shards, encoding included, added up over the processes that wrote them."""
        return self.store.seconds()

    def _batches(self, rows: Sequence[int]) -> Iterator[Array]:
        at_once = self.config.batch_size // self.config.accumulate
        for start in range(0, len(rows), at_once):
            yield self._codes(rows[start : start + at_once])
        fence.check(self.run.folder, self.run.attempt)  # again: encoding may have taken minutes

    def whole(self, workers: Workers) -> StoredArrays:
        """The codes of a finished trial, with the shards that were deleted encoded again by all workers together.

        A damaged shard is deleted by hand, and its trial is finished: nothing else would make it again.

        Raises:
            DataError: the codes are damaged, or were made from something else.
        """
        gone = self.store.gone()
        for shard in gone:
            if shard % workers.size == workers.rank:  # whatever the others have made again meanwhile
                self.write(shard)
        # Waits until all of them are there.
        again = workers.mean({"gone": torch.tensor(len(gone), device=workers.device)})
        if again["gone"] and workers.rank == 0:
            self.store.finish()
        workers.agree(True)  # waits for the manifest
        return self.store.open()

    def _codes(self, rows: Sequence[int]) -> Array:
        images = []
        for row in rows:
            number, flip = divmod(row, copies(self.config.data))
            pixels, _ = self.images.evaluation(number)
            images.append(mirrored(pixels) if flip else pixels)
        x_NCHW = to_model(torch.from_numpy(np.stack(images)).to(self.run.device))
        codes: Array = self.codec.encode(x_NCHW).cpu().numpy()
        return codes


class Encoding(Scoring):
    """Scores the codes as they are on the disk, once all are there."""

    best: ClassVar[Best] = Best("mse01", "min")

    def __init__(self, config: CodesConfig, partitions: CodeWriter, workers: Workers) -> None:
        self.config, self.partitions, self.workers = config, partitions, workers

    @classmethod
    def of(cls, config: CodesConfig, seed: int, run: Run, workers: Workers) -> Self:
        """Return the learner with the shards that `CodesConfig.partitions` names."""
        return cls(config, cast(CodeWriter, config.partitions(seed, run)), workers)

    def evaluate(self, iteration: int, *, final: bool) -> Mapping[str, Score]:
        """MSE and PSNR of training images from codes as they are encoded, and what storing them does to the MSE.

        Raises:
            retable.data.decode.errors.DataError: some codes are still to be stored.
        """
        del iteration, final
        self.partitions.store.finish()
        stored, codec = self.partitions.store.open(), self.partitions.codec
        return reconstruction_scores(
            lambda x_NCHW, _: codec.decode(codec.encode(x_NCHW)),
            self.partitions.images,
            self.config.scored,
            self.config.data.size,
            self.workers,
            split=SPLIT,
            rounded=lambda _, numbers: self._decoded(stored, numbers),
            dtype=self.config.dtype,
        )

    def samples(self) -> np.ndarray:
        """Training images and what their stored codes decode to by turns, uint8 (N, 1, 3, S, S)."""
        stored, device = self.partitions.store.open(), self.workers.device
        return beside(
            lambda _, numbers: self._decoded(stored, numbers), self.partitions.images, PREVIEW, device
        )

    def _decoded(self, stored: StoredArrays, numbers: Sequence[int]) -> Tensor:
        """Images from the stored codes of those that are not mirrored."""
        codes = stored.stacked([number * copies(self.config.data) for number in numbers])
        return self.partitions.codec.decode(
            torch.from_numpy(codes.astype(np.float32)).to(self.workers.device)
        )
