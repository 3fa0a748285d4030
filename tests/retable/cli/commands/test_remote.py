"""Words for the head of a cluster: those that were typed, and those that options are written as."""

from pathlib import Path

from retable.cli.arguments.options import StudyOptions, TrainingOptions
from retable.cli.arguments.usage import is_remote
from retable.cli.commands.remote import _tokens_of, _without


def test_options_are_left_out_with_their_values() -> None:
    words = ["--address", "c.yaml", "--scale", "toy", "--out=here", "--tables", "--out"]
    assert _without(words, {"--address", "--out"}) == ["--scale", "toy", "--tables"]


def test_options_are_written_as_words_that_give_them_again() -> None:
    assert _tokens_of(StudyOptions()) == ()
    options = TrainingOptions(
        scale="toy",
        tables=("5", "9"),
        seeds=(0, 1),
        iterations=7,
        data=Path("/d"),
        workers=3,
        out=Path("here"),
    )
    words = ("--scale", "toy", "--tables", "5,9", "--seeds", "0,1", "--iterations", "7", "--data", "/d")
    assert _tokens_of(options) == words


def test_an_address_of_another_machine_is_a_file_or_a_job_server() -> None:
    assert is_remote("ray_cluster.yaml")
    assert is_remote("http://127.0.0.1:8265")
    assert not any(map(is_remote, (None, "auto", "10.0.0.1:6379", "ray://head:10001")))
