"""The command line: `python studies/x.py …`, and `retable plan|run|status|retry|extend|table|data` for any study file."""

import argparse
import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from retable import commands
from retable.console import open_console
from retable.failures import CAUSES, Retries
from retable.options import classes, gigabytes, limits, positive, price, seeds, words
from retable.pricing import Machine
from retable.scale import Scale
from retable.study import Study

CLASSES = f"classes of failures, such as code,lost: all, {', '.join(CAUSES)} (default: all)"
TRIAL = "print all attempts at one trial, with their tracebacks"


def main(arguments: Sequence[str] | None = None) -> int:
    """The ``retable`` command. Returns the exit code: 0 done, 1 something did not finish, 2 bad input, 130 Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="retable", description="Declare a GAN paper's tables once, run the grid, get the tables back."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, about in (
        ("plan", "print what would run, and start nothing"),
        ("run", "train what is missing, then print the tables"),
        ("status", "print what is done, running, failed and missing; reads while another process runs"),
        ("retry", "as run, and train again what failed"),
        (
            "extend",
            "as run with more --seeds or --iterations; longer training goes on from the last checkpoint",
        ),
        ("table", "print and export the tables of what has been trained"),
    ):
        command = verbs.add_parser(verb, help=about)
        command.add_argument(
            "study",
            type=Path,
            nargs="+" if verb == "plan" else None,
            help="the study's file, such as studies/subsampling_ablation.py",
        )
        _add_choices(command)
        _add_data(command)
        if verb in ("run", "retry", "extend"):
            _add_training(command)
        else:
            command.set_defaults(workers=None, address=None, local=False, retries=Retries(), storage=None)
        if verb == "table":
            _add_from_mlflow(command)
        if verb == "plan":
            _add_workers(_add_plan_options(command))
        if verb == "status":
            command.add_argument("--trial", metavar="SIGNATURE", help=TRIAL)
        if verb == "retry":
            command.add_argument(
                "--class", dest="asked", type=classes, default="all", metavar="CLASSES", help=CLASSES
            )
    _add_figures(verbs.add_parser("figures", help="draw the figures of a finished trial, or of a study's"))
    data = verbs.add_parser("data", help="look at data sets").add_subparsers(dest="data_verb", required=True)
    check = data.add_parser("check", help="list the files of a data set that training can't use")
    check.add_argument(
        "folder", type=Path, help="a data set in UCF101's or FaceForensics' layout, or of images"
    )
    check.add_argument("--frames", type=int, default=16, help="frames that a clip needs (default: 16)")
    check.add_argument("--size", type=positive, default=1, help="pixels that an image's shorter side needs")
    _add_prepare(data.add_parser("prepare", help="decode a data set that you bring, for training to map"))
    given = parser.parse_args(arguments)
    if given.verb == "figures":
        return _guarded(lambda console: _figures(given, console))
    if given.verb == "data" and given.data_verb == "prepare":
        return _guarded(lambda console: _prepare(given, console))
    if given.verb == "data":
        return _guarded(lambda console: commands.check_data(given.folder, given.frames, given.size, console))
    if given.verb == "plan":
        return _guarded(lambda console: _plan([load_study(path) for path in given.study], given, console))
    return _guarded(lambda console: _dispatch(load_study(given.study), given.verb, given, console))


def main_study(study: Study[Any], arguments: Sequence[str] | None = None) -> int:
    """A study's file run as a script: train what is missing and print the tables, or what the options say."""
    parser = argparse.ArgumentParser(description=f"{study.paper}. Running the same command again resumes.")
    _add_choices(parser)
    _add_data(parser)
    _add_training(parser)
    verbs = parser.add_mutually_exclusive_group()
    verbs.add_argument(
        "--plan", dest="verb", action="store_const", const="plan", help="print what would run; stop"
    )
    verbs.add_argument(
        "--report", dest="verb", action="store_const", const="table", help="print the tables only"
    )
    verbs.add_argument(
        "--status", dest="verb", action="store_const", const="status", help="print each trial's state"
    )
    verbs.add_argument(
        "--extend",
        dest="verb",
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
    parser.add_argument("--trial", metavar="SIGNATURE", help=f"with --status: {TRIAL}")
    _add_from_mlflow(parser)
    _add_plan_options(parser)
    given = parser.parse_args(arguments)
    if given.trial is not None and given.verb != "status":
        parser.error("--trial goes with --status")
    if given.from_mlflow is not None and given.verb not in (None, "table"):
        parser.error("--from-mlflow goes with --report")
    if given.verb == "plan":
        return _guarded(lambda console: _plan([study], given, console))
    for option in ("json", "gpu_memory", "price_per_gpu_hour"):
        if getattr(given, option):
            parser.error(f"--{option.replace('_', '-')} goes with --plan")
    verb = given.verb or ("run" if given.from_mlflow is None else "table")
    verb = verb if given.asked is None else "retry"
    return _guarded(lambda console: _dispatch(study, verb, given, console))


def load_study(path: Path) -> Study[Any]:
    """The STUDY that a file exports.

    Raises:
        ValueError: there is no such file, or it exports no STUDY.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ValueError(f"a study is a Python file that exports STUDY, but {path} is no such file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if isinstance(study := getattr(module, "STUDY", None), Study):
        return study
    raise ValueError(f"{path} must export STUDY, a retable.study.Study, but has {type(study).__name__}")


def _add_choices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scale", default="smoke", help="smoke (minutes), toy (hours) or paper (default: smoke)"
    )
    parser.add_argument(
        "--tables", type=words, metavar="N,…", help="numbers of the tables: 5,9 (default: the scale's)"
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
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help="folder of results (default: results)",
    )
    parser.add_argument(
        "--classifier",
        type=Path,
        metavar="FILE",
        help="a classifier to score with that you bring (default: one is trained)",
    )


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of the data set (default: by the scale)"
    )


def _add_training(parser: argparse.ArgumentParser) -> None:
    training = parser.add_argument_group("for the training")
    _add_workers(training)
    training.add_argument("--address", help="a running Ray cluster, such as auto or ray://host:10001")
    training.add_argument(
        "--local", action="store_true", help="train in this process, without Ray (to debug)"
    )
    training.add_argument(
        "--retries",
        type=limits,
        default=Retries(),
        metavar="CLASS=N,…",
        help="how often a trial is begun again by itself: lost=2 when its workers were lost, out_of_memory=1 with half "
        "the micro-batch (these are the defaults)",
    )
    training.add_argument(
        "--storage",
        metavar="URL",
        help="URL of a search's Optuna storage (default: optuna.db in the folder of results)",
    )


def _add_workers(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--workers", type=positive, metavar="N", help="most workers of one trial (default: what fits)"
    )


def _add_figures(parser: argparse.ArgumentParser) -> None:
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
    _add_choices(parser)


def _figures(given: argparse.Namespace, console: Console) -> int:
    from retable.figures.draw import draw_study, draw_trial

    if given.samples < 2:
        raise ValueError(f"--samples must be at least 2, or there is no interval, but got {given.samples}")
    if not given.what.endswith(".py"):
        return draw_trial(given.out, given.what, given.samples, console)
    study = load_study(Path(given.what))
    return draw_study(
        study,
        _scale(study, given),
        given.out,
        given.samples,
        console,
        tables=given.tables,
        seeds=given.seeds,
    )


def _add_from_mlflow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from-mlflow",
        nargs="?",
        const="",
        metavar="URI",
        help="tables from MLflow alone, without the folder of results (default: MLFLOW_TRACKING_URI, or its mlflow.db)",
    )


def _add_plan_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    plan = parser.add_argument_group("for the plan")
    plan.add_argument(
        "--gpu-memory",
        type=gigabytes,
        metavar="GB",
        help="memory of the GPUs, such as 12 or 12,24,80: cells that fit none can't run (default: none stated)",
    )
    plan.add_argument("--price-per-gpu-hour", type=price, metavar="PRICE", help="adds a price to the total")
    plan.add_argument("--json", action="store_true", help="print the plan as JSON and nothing else")
    return plan


def _add_prepare(parser: argparse.ArgumentParser) -> None:
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
        name.add_argument("--address", help="a running Ray cluster, such as auto or ray://host:10001")
        name.add_argument(
            "--local", action="store_true", help="decode in processes of this machine, without Ray"
        )


def _prepare(given: argparse.Namespace, console: Console) -> int:
    from retable.data.image_spec import ImageSpec
    from retable.data.prepare import Preparation
    from retable.data.source import Source
    from retable.data.spec import ClipSpec, FaceSpec, Spec
    from retable.preparing import prepare_data

    spec: Spec
    if given.name == "ucf101":
        spec = ClipSpec(frames=given.frames, size=given.size, crop=given.crop)
    elif given.name == "faceforensics":
        spec = FaceSpec(frames=given.frames, size=given.size, smooth=given.smooth)
    else:
        spec = ImageSpec(size=given.size, crop=given.crop)
    # Absolute, for a cluster's workers run in another folder.
    source, out = Source(given.name, given.source.absolute()), given.out.absolute()
    preparation = Preparation(source=source, out=out, spec=spec, splits=given.splits)
    return prepare_data(preparation, console, workers=given.workers, address=given.address, local=given.local)


def _plan(studies: Sequence[Study[Any]], given: argparse.Namespace, console: Console) -> int:
    """One plan over several studies. A table that only some of them declare is taken from those."""
    requests = [_request(study, given) for study in studies]
    if len(studies) > 1 and given.tables is not None:
        known = [{table.number for table in study.tables} for study in studies]
        if strange := [number for number in given.tables if not any(number in own for own in known)]:
            raise ValueError(f"no table {', '.join(strange)} is declared by any of the studies")
        requests = [
            replace(request, tables=tuple(number for number in given.tables if number in own))
            for request, own in zip(requests, known, strict=True)
        ]
    data = {request.scale.data for request in requests}
    if len(data) > 1:
        raise ValueError(
            f"studies in one plan must read one data set, but they read {', '.join(sorted(data))}"
        )
    machine = Machine(cards=given.gpu_memory, workers=given.workers, price=given.price_per_gpu_hour)
    return commands.show_plan(requests, machine, console, as_json=given.json)


def _request(study: Study[Any], given: argparse.Namespace) -> commands.Request:
    return commands.Request(
        study=study,
        scale=_scale(study, given),
        tables=given.tables,
        seeds=given.seeds,
        results=given.out,
        data=given.data,
        workers=given.workers,
        address=given.address,
        local=given.local,
        retries=replace(given.retries, asked=getattr(given, "asked", None) or frozenset()),
        from_mlflow=getattr(given, "from_mlflow", None),
        classifier=given.classifier,
        storage=given.storage,
    )


def _dispatch(study: Study[Any], verb: str, given: argparse.Namespace, console: Console) -> int:
    request = _request(study, given)
    if verb == "table":
        return commands.show_tables(request, console)
    if verb == "status":
        from retable.status import show_status

        return show_status(request, console, given.trial)
    from retable import training

    return {"run": training.run, "retry": training.retry, "extend": training.extend}[verb](request, console)


def _scale(study: Study[Any], given: argparse.Namespace) -> Scale[Any]:
    """The scale that was asked for, as long as was asked, judged by the classifier that was brought, if any."""
    if given.scale not in study.scales:
        raise ValueError(f"--scale must be one of {', '.join(study.scales)}, but got {given.scale!r}")
    scale: Scale[Any] = study.scales[given.scale]
    if given.iterations is not None:
        scale = scale.lasting(given.iterations)
    return scale.judged_by(given.classifier) if given.classifier else scale


def _guarded(command: Any) -> int:
    """Run a command; a mistake of the user's is told in one sentence, a mistake of ours with its traceback."""
    from retable.data.errors import DataError

    console = open_console()
    try:
        return int(command(console))
    except (ValueError, OSError, DataError) as error:
        console.print(Text(f"{error}", style="red"))
        return 2
    except KeyboardInterrupt:
        console.print("\nInterrupted. Nothing finished is lost: run the same command again to go on.")
        return 130
