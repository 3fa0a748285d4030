"""The command line: `python studies/x.py …`, and `retable plan|run|status|retry|extend|table|data` for any study file."""

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from retable.cli.commands.data import check_data
from retable.cli.commands.plan import show_plan
from retable.cli.commands.remote import on_cluster, run_remote
from retable.cli.commands.request import Request, named_scale
from retable.cli.commands.tables import show_tables
from retable.cli.options import (
    ANEW,
    CLASSES,
    TRIAL,
    add_address,
    add_choices,
    add_cluster,
    add_data,
    add_doctor,
    add_exports,
    add_figures,
    add_from_mlflow,
    add_plan_options,
    add_prepare,
    add_remote,
    add_results,
    add_script,
    add_training,
    add_workers,
    check_script,
    is_remote,
)
from retable.cli.values import classes, positive
from retable.execution.retries import Retries
from retable.io.console import open_console
from retable.planning.duration import Machine
from retable.planning.placement import Node
from retable.study.scale import Scale
from retable.study.study import Study


def main(arguments: Sequence[str] | None = None) -> int:
    """The ``retable`` command. Returns the exit code.

    0: done. 1: something did not finish. 2: bad input, or none of it can run, which a plan says too. 130: Ctrl-C.
    """
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
        add_choices(command)
        add_data(command)
        if verb in ("run", "retry", "extend"):
            add_training(command)
        else:
            command.set_defaults(workers=None, address=None, local=False, retries=Retries(), storage=None)
        if verb == "table":
            add_from_mlflow(command)
            add_exports(command)
        if verb in ("status", "table"):
            add_cluster(command)
        if verb == "plan":
            plan = add_plan_options(command)
            add_workers(plan)
            add_address(plan)
        if verb == "status":
            command.add_argument("--trial", metavar="SIGNATURE", help=TRIAL)
        if verb == "retry":
            command.add_argument("--trial", metavar="SIGNATURE", help=ANEW)
            command.add_argument(
                "--class", dest="asked", type=classes, default="all", metavar="CLASSES", help=CLASSES
            )
    add_remote(verbs)
    add_figures(verbs.add_parser("figures", help="draw the figures of a finished trial, or of a study's"))
    add_results(
        verbs.add_parser("ship", help="deliver to MLflow what earlier runs could not, of every study")
    )
    data = verbs.add_parser("data", help="look at data sets").add_subparsers(dest="data_verb", required=True)
    check = data.add_parser("check", help="list the files of a data set that training can't use")
    check.add_argument(
        "folder", type=Path, help="a data set in UCF101's or FaceForensics' layout, or of images"
    )
    check.add_argument("--frames", type=int, default=16, help="frames that a clip needs (default: 16)")
    check.add_argument("--size", type=positive, default=1, help="pixels that an image's shorter side needs")
    check.add_argument(
        "--checksums", type=Path, metavar="FILE", help="what sha256sum or md5sum wrote of the files"
    )
    add_prepare(data.add_parser("prepare", help="decode a data set that you bring, for training to map"))
    add_doctor(verbs.add_parser("doctor", help="look at what training needs, here or on every node"))
    given = parser.parse_args(arguments)
    if given.verb == "doctor":
        return _guarded(lambda console: _doctor(given, console))
    typed = sys.argv[1:] if arguments is None else arguments
    if given.verb == "submit":
        check_script(given, parser)
    if getattr(given, "cluster", None):
        return _guarded(lambda console: on_cluster(load_study(given.study), given, typed, console))
    if given.verb == "figures":
        return _guarded(lambda console: _figures(given, console))
    if given.verb == "ship":
        return _guarded(lambda console: _ship(given, console))
    if given.verb == "data" and given.data_verb == "prepare":
        return _guarded(lambda console: _prepare(given, console))
    if given.verb == "data":
        return _guarded(
            lambda console: check_data(given.folder, given.frames, given.size, console, given.checksums)
        )
    if given.verb == "plan":
        return _guarded(lambda console: _plan([load_study(path) for path in given.study], given, console))
    if is_remote(given.address):
        words = [word if Path(word) != given.study else "{study}" for word in typed]
        return _guarded(
            lambda console: run_remote(load_study(given.study), given.study, given, words, None, console)
        )
    return _guarded(lambda console: _dispatch(load_study(given.study), given.verb, given, console))


def main_study(study: Study[Any], arguments: Sequence[str] | None = None) -> int:
    """A study's file run as a script: train what is missing and print the tables, or what the options say."""
    parser = argparse.ArgumentParser(description=f"{study.paper}. Running the same command again resumes.")
    add_script(parser)
    given = parser.parse_args(arguments)
    check_script(given, parser)
    if is_remote(given.address):
        file = Path(getattr(sys.modules["__main__"], "__file__", None) or sys.argv[0])
        words = ["script", "{study}", *(sys.argv[1:] if arguments is None else arguments)]
        return _guarded(lambda console: run_remote(study, file, given, words, given.act, console))
    if given.act == "plan":
        return _guarded(lambda console: _plan([study], given, console))
    verb = given.act or ("run" if given.from_mlflow is None else "table")
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
    raise ValueError(f"{path} must export STUDY, a retable.study.study.Study, but has {type(study).__name__}")


def _doctor(given: argparse.Namespace, console: Console) -> int:
    from retable.cli.commands.doctor import Place, diagnose

    place = Place(given.out, given.address, given.cluster, tuple(given.expect))
    return diagnose(place, console, as_json=given.json)


def _figures(given: argparse.Namespace, console: Console) -> int:
    from retable.cli.commands.figures import draw_study, draw_trial

    if given.samples < 2:
        raise ValueError(f"--samples must be at least 2, or there is no interval, but got {given.samples}")
    _refresh(given.out, checkpoints=True)
    if not given.what.endswith(".py"):
        return draw_trial(given.out, given.what, given.samples, console, data=given.data)
    study = load_study(Path(given.what))
    asked = Request(
        study=study,
        scale=_scale(study, given),
        tables=given.tables,
        seeds=given.seeds,
        results=given.out,
        data=given.data,
    )
    return draw_study(study, asked.scale, given.out, given.samples, console, plan=asked.plan, data=given.data)


def _ship(given: argparse.Namespace, console: Console) -> int:
    from retable.cli.commands.mlflow import ship

    _refresh(given.out)
    return ship(given.out, console)


def _prepare(given: argparse.Namespace, console: Console) -> int:
    from retable.cli.commands.data import prepare_data
    from retable.data.decode.spec import ClipSpec, FaceSpec, ImageSpec, Spec
    from retable.data.prepare import Preparation
    from retable.data.scan.source import Source

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
    _refresh(given.out)
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
    nodes = _nodes(given)
    cards = tuple(sorted({node.gpu_gb for node in nodes if node.gpu_gb}))
    machine = Machine(
        cards=given.gpu_memory or cards or None,
        workers=given.workers,
        price=given.price_per_gpu_hour,
        nodes=nodes,
    )
    return show_plan(requests, machine, console, as_json=given.json)


def _nodes(given: argparse.Namespace) -> tuple[Node, ...]:
    """The stated nodes, or those of the running cluster; none where neither is named."""
    if given.nodes is not None:
        card = given.gpu_memory[0] if given.gpu_memory and len(given.gpu_memory) == 1 else None
        return tuple(replace(node, gpu_gb=card) for node in given.nodes)
    if given.address is None:
        return ()
    from retable.cluster.nodes import live_nodes

    return live_nodes(given.address, given.out)


def _request(study: Study[Any], given: argparse.Namespace) -> Request:
    return Request(
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
        encoder=given.encoder,
        storage=given.storage,
        gpus=getattr(given, "gpus_per_worker", None),
        wait_minutes=getattr(given, "wait_for_nodes", 30.0),
        exports=getattr(given, "export", None),
    )


def _refresh(results: Path, *, checkpoints: bool = False) -> None:
    """Bring the results to this host, where they live under a URL."""
    from retable.execution.sync import Storage

    if (storage := Storage.of(results)) is not None:
        storage.refresh(checkpoints=checkpoints)


def _dispatch(study: Study[Any], verb: str, given: argparse.Namespace, console: Console) -> int:
    _refresh(given.out, checkpoints=verb == "extend")
    request = _request(study, given)
    if verb == "table":
        return show_tables(request, console)
    if verb == "status":
        from retable.cli.commands.status import show_status

        return show_status(request, console, given.trial)
    from retable.cli.commands import run as run_command

    if verb == "retry":
        return run_command.retry(request, console, given.trial)
    return {"run": run_command.run, "extend": run_command.extend}[verb](request, console)


def _scale(study: Study[Any], given: argparse.Namespace) -> Scale[Any]:
    """The scale that was asked for, as long as was asked, with the networks that were brought, if any."""
    scale = named_scale(study, given.scale)
    if given.iterations is not None:
        scale = scale.with_iterations(given.iterations)
    scale = scale.with_encoder(given.encoder) if given.encoder else scale
    return scale.with_classifier(given.classifier) if given.classifier else scale


def _guarded(command: Any) -> int:
    """Run a command; a mistake of the user's is told in one sentence, a mistake of ours with its traceback."""
    from retable.data.decode.errors import DataError

    console = open_console()
    try:
        return int(command(console))
    except (ValueError, OSError, DataError) as error:
        console.print(Text(f"{error}", style="red"))
        return 2
    except KeyboardInterrupt:
        console.print("\nInterrupted. Nothing finished is lost: run the same command again to go on.")
        return 130
