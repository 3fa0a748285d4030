"""The options that the commands take, by what they are about."""

import argparse
from pathlib import Path

from retable.cli.values import (
    classes,
    gigabytes,
    limits,
    machines,
    positive,
    price,
    seeds,
    share,
    some,
    words,
)
from retable.execution.retries import CAUSES, Retries

CLASSES = f"classes of failures, such as code,lost: all, {', '.join(CAUSES)} (default: all)"
TRIAL = "print all attempts at one trial, with their tracebacks"
ANEW = "train a finished trial from its start again, such as one whose weights are gone; what it left is set aside"


def add_choices(parser: argparse.ArgumentParser) -> None:
    """Which part of a study, of what size, and where its results are."""
    parser.add_argument(
        "--scale", default="smoke", help="smoke (minutes), toy (hours) or paper (default: smoke)"
    )
    parser.add_argument(
        "--tables", type=some, metavar="N,…", help="numbers of the tables: 5,9 (default: the scale's)"
    )
    parser.add_argument(
        "--seeds", type=seeds, metavar="N,…", help="training seeds: 0,1,2 (default: the scale's)"
    )
    parser.add_argument(
        "--iterations",
        type=positive,
        metavar="N",
        help="train each of the tables' trials so long (default: the scale's)",
    )
    add_results(parser)
    parser.add_argument(
        "--classifier",
        type=Path,
        metavar="FILE",
        help="a classifier to score with that you bring (default: one is trained)",
    )
    parser.add_argument(
        "--encoder",
        type=Path,
        metavar="FILE",
        help="an autoencoder whose codes are learned that you bring (default: one is trained)",
    )


def add_results(parser: argparse.ArgumentParser) -> None:
    """Where the results are."""
    parser.add_argument(
        "--out",
        type=results,
        default=Path("results"),
        metavar="DIR",
        help="folder of results, or a URL such as s3://BUCKET/FOLDER (default: results)",
    )


def results(text: str) -> Path:
    """A folder of results, there or to be made; for a URL, its copy on this host."""
    if "://" not in text:
        path = Path(text)
        if file := next((one for one in (path, *path.absolute().parents) if one.is_file()), None):
            raise argparse.ArgumentTypeError(f"must be a folder, but {file} is a file")
        return path
    from retable.execution.sync import results_folder

    try:
        return results_folder(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_data(parser: argparse.ArgumentParser) -> None:
    """Where the data set is."""
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of the data set (default: by the scale)"
    )


def add_training(parser: argparse.ArgumentParser) -> None:
    """How it is trained; nothing here is part of a trial's identity."""
    training = parser.add_argument_group("for the training")
    add_workers(training)
    add_address(training)
    training.add_argument(
        "--local", action="store_true", help="train in this process, without Ray (to debug)"
    )
    training.add_argument(
        "--retries",
        type=limits,
        default=Retries(),
        metavar="CLASS=N,…",
        help="how often a trial is begun again by itself: lost=2 when its workers were lost, preempted=10 when their node "
        "was taken away with notice, out_of_memory=1 with half the micro-batch (these are the defaults)",
    )
    training.add_argument(
        "--gpus-per-worker",
        type=share,
        metavar="N",
        help="0.5 for two trials on each GPU, 0 to use none (default: 1 where there are any)",
    )
    training.add_argument(
        "--wait-for-nodes",
        type=price,
        default=30.0,
        metavar="MINUTES",
        help="how long a trial waits for a node that can hold it (default: 30)",
    )
    training.add_argument(
        "--storage",
        metavar="URL",
        help="URL of a search's Optuna storage (default: optuna.db in the folder of results)",
    )


def add_script(parser: argparse.ArgumentParser) -> None:
    """All that a study's file takes when it is run as a script."""
    add_choices(parser)
    add_data(parser)
    add_training(parser)
    verbs = parser.add_mutually_exclusive_group()
    verbs.add_argument(
        "--plan", dest="act", action="store_const", const="plan", help="print what would run; stop"
    )
    verbs.add_argument(
        "--report", dest="act", action="store_const", const="table", help="print the tables only"
    )
    verbs.add_argument(
        "--status", dest="act", action="store_const", const="status", help="print each trial's state"
    )
    verbs.add_argument(
        "--extend",
        dest="act",
        action="store_const",
        const="extend",
        help="train only what more --seeds or --iterations add, from the last checkpoints",
    )
    verbs.add_argument(
        "--retry",
        dest="asked",
        type=classes,
        nargs="?",
        const="all",
        metavar="CLASSES",
        help=f"train again what failed; {CLASSES}",
    )
    parser.add_argument("--trial", metavar="SIGNATURE", help=f"with --status: {TRIAL}; with --retry: {ANEW}")
    add_from_mlflow(parser)
    add_plan_options(parser)


def check_script(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse options of `add_script` that do not go together."""
    if given.trial is not None and given.act != "status" and given.asked is None:
        parser.error("--trial goes with --status or --retry")
    if given.from_mlflow is not None and given.act not in (None, "table"):
        parser.error("--from-mlflow goes with --report")
    for option in ("json", "gpu_memory", "nodes", "price_per_gpu_hour"):
        if given.act != "plan" and getattr(given, option):
            parser.error(f"--{option.replace('_', '-')} goes with --plan")


def add_remote(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands for a study on a cluster from another machine."""
    submit = verbs.add_parser(
        "submit",
        allow_abbrev=False,
        help="run a study on a cluster's head, which goes on without this machine; takes the options of the study's file",
    )
    logs = verbs.add_parser("logs", help="print what a study's job on a cluster says")
    stop = verbs.add_parser("stop", help="ask a study's job on a cluster to save and end")
    for command in (submit, logs, stop):
        command.add_argument("study", type=Path, help="the study's file")
        add_cluster(command, required=True)
    for command in (submit, logs):
        command.add_argument("--follow", action="store_true", help="print what it says until it ends")
    add_script(submit)


def is_remote(address: str | None) -> bool:
    """Whether a study with that --address runs on the head of a cluster, and not in this process."""
    return address is not None and address.startswith(("http://", "https://")) | address.endswith(
        (".yaml", ".yml")
    )


def add_workers(group: argparse._ArgumentGroup) -> None:
    """How many workers share a trial."""
    group.add_argument(
        "--workers", type=positive, metavar="N", help="most workers of one trial (default: what fits)"
    )


def add_doctor(parser: argparse.ArgumentParser) -> None:
    """What `retable doctor` looks at."""
    where = parser.add_mutually_exclusive_group()
    add_cluster(where)
    where.add_argument("--address", help="a running Ray cluster of which this machine is a node: auto")
    parser.add_argument(
        "--expect", type=words, default=(), metavar="IP,…", help="nodes that must be in the cluster"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="folder of results (default: results; RETABLE_STORAGE comes before it)",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON and nothing else")


def add_address(group: argparse._ArgumentGroup) -> None:
    """Which cluster."""
    group.add_argument(
        "--address",
        help="a running Ray cluster: auto on one of its nodes; elsewhere its file, such as ray_cluster.yaml, or its job "
        "server's URL, and the study runs on its head (default: Ray on this machine alone)",
    )


def add_figures(parser: argparse.ArgumentParser) -> None:
    """What `retable figures` draws."""
    parser.add_argument(
        "what", help="a trial's signature, of which its first digits are enough, or a study's file"
    )
    parser.add_argument(
        "--samples",
        type=positive,
        default=1000,
        metavar="N",
        help="generated samples behind each measured curve (default: 1000, as in the TGANv2 paper)",
    )
    add_data(parser)
    add_choices(parser)


def add_from_mlflow(parser: argparse.ArgumentParser) -> None:
    """Tables without a folder of results."""
    parser.add_argument(
        "--from-mlflow",
        nargs="?",
        const="",
        metavar="URI",
        help="tables from MLflow alone, without the folder of results (default: MLFLOW_TRACKING_URI, or its mlflow.db)",
    )


def add_exports(parser: argparse.ArgumentParser) -> None:
    """Where tables go."""
    parser.add_argument(
        "--export",
        type=Path,
        metavar="DIR",
        help="folder to export tables to (default: the folder of results)",
    )


def add_cluster(parser: argparse._ActionsContainer, *, required: bool = False) -> None:
    """The cluster on whose head a command runs."""
    parser.add_argument(
        "--cluster",
        metavar="FILE",
        required=required,
        help="run on the head of this cluster: the file that `ray up` takes, or its job server's URL"
        + ("" if required else " (default: here)"),
    )


def add_plan_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """What a plan is told of the machine, and how it is printed. Returns the group of these."""
    plan = parser.add_argument_group("for the plan")
    plan.add_argument(
        "--gpu-memory",
        type=gigabytes,
        metavar="GB",
        help="memory of the GPUs, such as 12 or 12,24,80: cells that fit none can't run (default: none stated)",
    )
    plan.add_argument(
        "--nodes",
        type=machines,
        metavar="NxGPUS",
        help="machines to place trials on, such as 4x8 for four of eight GPUs; --address asks a running cluster instead",
    )
    plan.add_argument("--price-per-gpu-hour", type=price, metavar="PRICE", help="adds a price to the total")
    plan.add_argument("--json", action="store_true", help="print the plan as JSON and nothing else")
    return plan


def add_prepare(parser: argparse.ArgumentParser) -> None:
    """What `retable data prepare` makes, for each data set."""
    names = parser.add_subparsers(dest="name", required=True)
    ucf101 = names.add_parser("ucf101", help="UCF-101/ and ucfTrainTestlist/, as downloaded")
    ucf101.add_argument(
        "--crop",
        choices=("reference", "paper"),
        default="reference",
        help="reference: the whole frame at 4:3, cropped when training, as TGANv2's code does; paper: the centre "
        "square, as its text says (default: reference)",
    )
    faces = names.add_parser("faceforensics", help="original and mask videos of version 1, as downloaded")
    faces.add_argument(
        "--smooth",
        type=int,
        default=0,
        help="frames before and after one over which its face's square is averaged (default: 0, as the reference)",
    )
    images = names.add_parser("images", help="a folder of images or class folders, or LSUN's LMDB folders")
    images.add_argument(
        "--crop",
        choices=("square", "none"),
        default="square",
        help="square: the centre square; none: the whole picture, whatever its shape (default: square)",
    )
    for name, size in ((ucf101, 192), (faces, 256), (images, 256)):
        name.add_argument("--source", type=Path, required=True, help="folder of the data set; only read")
        name.add_argument("--out", type=Path, required=True, help="folder to make, later given as --data")
        name.add_argument("--size", type=positive, default=size, help=f"height and width (default: {size})")
        if name is not images:
            name.add_argument("--frames", type=positive, default=16, help="frames of clips (default: 16)")
        splits = ("train", "test") if name is images else ("train",)
        name.add_argument(
            "--splits",
            type=words,
            default=splits,
            help=f"which are decoded: train,test (default: {','.join(splits)})",
        )
        name.add_argument(
            "--workers", type=positive, help="files decoded at a time (default: one on every CPU)"
        )
        name.add_argument("--address", help="a running Ray cluster of which this machine is a node: auto")
        name.add_argument(
            "--local", action="store_true", help="decode in processes of this machine, without Ray"
        )
