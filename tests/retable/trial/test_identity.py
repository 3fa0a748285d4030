import json
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retable.trial.config import TrialConfig
from retable.trial.identity import identified, option
from retable.trial.trial import Trial

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@dataclass(frozen=True, kw_only=True)
class Inner:
    width: int = 3
    deep: bool = option(False)


@dataclass(frozen=True, kw_only=True)
class Net(TrialConfig):
    trainable: ClassVar[str] = "net"
    iterations: int = 10
    batch_size: int = 2
    snapshot_every: int = 5
    lam: float = 0.5
    widths: tuple[int, ...] = (1, 2)
    inner: Inner = Inner()
    penalty: str = option("r1")


@dataclass(frozen=True, kw_only=True)
class OlderInner:
    width: int = 3


@dataclass(frozen=True, kw_only=True)
class ReorderedNet(TrialConfig):
    """What Net was before its options, with its fields in another order."""

    trainable: ClassVar[str] = "net"
    inner: OlderInner = OlderInner()
    widths: tuple[int, ...] = (1, 2)
    lam: float = 0.5
    snapshot_every: int = 5
    batch_size: int = 2
    iterations: int = 10


def signature(config: TrialConfig) -> str:
    return Trial(config, 0, "data").signature


@given(lam=FINITE, widths=st.lists(st.integers(), max_size=4), width=st.integers())
def test_order_of_fields_and_options_that_are_off_do_not_matter(
    lam: float, widths: list[int], width: int
) -> None:
    new = Net(lam=lam, widths=tuple(widths), inner=Inner(width=width))
    old = ReorderedNet(lam=lam, widths=tuple(widths), inner=OlderInner(width=width))
    assert signature(new) == signature(old)


def test_options_that_are_on_matter() -> None:
    base = Net()
    on = [base, replace(base, penalty="none"), replace(base, inner=Inner(deep=True))]
    assert len({signature(config) for config in on}) == 3


@given(st.integers(-(2**53), 2**53))
def test_an_integer_given_for_a_float_is_the_same_number(lam: int) -> None:
    assert signature(Net(lam=lam)) == signature(Net(lam=float(lam)))


@given(FINITE, FINITE)
def test_two_numbers_share_a_signature_only_if_they_are_equal(one: float, other: float) -> None:
    assert (signature(Net(lam=one)) == signature(Net(lam=other))) == (one == other)


@given(FINITE)
def test_it_survives_json(lam: float) -> None:
    config = identified(Net(lam=lam))
    assert json.loads(json.dumps(config)) == config


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="Net.lam must be a finite number, but is"):
        identified(Net(lam=bad))


def test_what_is_not_plain_data_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Net.widths must be .* but is \{1\} of type set"):
        identified(Net(widths={1}))  # type: ignore[arg-type]


PROGRAM = """
from retable.evaluation.config import Evaluation
from retable.trial.trial import Trial
from trainables.classifiers.c3d.scales import PAPER
from trainables.video_gan.config import VideoGANConfig
print(Trial(VideoGANConfig(evaluation=Evaluation(classifier=PAPER)), 0, "data").signature)
"""


def test_processes_agree_whatever_their_hash_seed() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={"PYTHONHASHSEED": str(seed), "PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
            timeout=900,
        ).stdout
        for seed in (0, 1, 77)
    }
    assert len(found) == 1
