"""One worker of a worker group of real processes over gloo: `python worker_group.py FILE FOLDER RANK SIZE`.

It calls FILE's `as_worker(workers, folder)` and leaves what that returns as FOLDER/RANK.json.
"""

import json
import os
import sys
from datetime import timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import torch
import torch.distributed as dist

from retable.trial.distributed import Workers


def main(file: str, folder: str, rank: str, size: str) -> None:
    spec = spec_from_file_location("gang_case", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["gang_case"] = module
    spec.loader.exec_module(module)

    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=(Path(folder) / "rendezvous").as_uri(),
        rank=int(rank),
        world_size=int(size),
        timeout=timedelta(seconds=600),
    )
    found = module.as_worker(Workers(int(rank), int(size)), Path(folder))
    (Path(folder) / f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
    # Without Python's own end: a thread of gloo's or autograd's that asks for the interpreter's lock during it
    # brings the whole process down ("terminate called without an active exception"), about once in a hundred worker groups.
    os._exit(0)
