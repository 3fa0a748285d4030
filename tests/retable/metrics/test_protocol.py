import dataclasses
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retable.metrics.protocol import Protocol, comparable, higher_is_better

HEX = st.text("0123456789abcdef", min_size=6, max_size=6)
COUNT = st.integers(1, 10**6)
WORD = st.from_regex(r"[a-z]+", fullmatch=True)
OPTIONAL = st.one_of(st.just(""), WORD)
RESIZE = st.builds(lambda word, size: f"{word}{size}", WORD, COUNT)
ACCURACY = st.integers(0, 1000).map(lambda permille: f"{permille / 1000:.3f}")
CLASSIFIER = st.builds(
    lambda kind, digest: f"{kind}-{digest}", st.from_regex(r"[a-z0-9]+", fullmatch=True), HEX
)

SHARED = {"samples": COUNT, "repeats": COUNT, "data": HEX, "resize": RESIZE}
JUDGED = {**SHARED, "classifier": CLASSIFIER, "accuracy": ACCURACY}
PROTOCOLS = st.one_of(
    st.builds(Protocol, family=st.just("is"), splits=COUNT, labels=OPTIONAL, **JUDGED),
    st.builds(Protocol, family=st.just("fid"), passes=COUNT, split=WORD, labels=OPTIONAL, **JUDGED),
    st.builds(Protocol, family=st.just("accuracy"), split=WORD, **SHARED),
)

IS = Protocol(
    family="is",
    samples=2048,
    repeats=10,
    data="5d6e7f",
    resize="bilinear112",
    classifier="c3d-1a2b3c",
    accuracy="0.983",
    splits=1,
)
FID = dataclasses.replace(IS, family="fid", splits=0, passes=10, split="train")


def test_the_names_that_readers_see() -> None:
    assert IS.name == "is2048x10_c3d-1a2b3c_acc0.983_bilinear112_s1_data-5d6e7f"
    assert FID.name == "fid2048x10_c3d-1a2b3c_acc0.983_bilinear112_r10-train_data-5d6e7f"
    accuracy = Protocol(family="accuracy", samples=120, data="5d6e7f", resize="bilinear32", split="test")
    assert accuracy.name == "accuracy120x1_bilinear32_test_data-5d6e7f"


def test_labels_that_are_not_as_frequent_as_in_training_stand_in_the_name() -> None:
    for protocol in (IS, FID):
        uniform = dataclasses.replace(protocol, labels="uniform")
        assert uniform.name == protocol.name + "_labels-uniform"
        assert Protocol.parse(uniform.name) == uniform
        assert comparable(protocol, uniform) == "not comparable: labels default against uniform"
    with pytest.raises(ValueError, match="labels of is must look like .* but got 'UNIFORM'"):
        dataclasses.replace(IS, labels="UNIFORM")


@settings(deadline=None)
@given(PROTOCOLS)
def test_a_name_reads_back_as_its_protocol(protocol: Protocol) -> None:
    assert Protocol.parse(protocol.name) == protocol


@settings(deadline=None)
@given(PROTOCOLS, PROTOCOLS)
def test_equal_names_are_equal_protocols_and_only_those_compare(a: Protocol, b: Protocol) -> None:
    assert (a.name == b.name) == (a == b) == (comparable(a, b) == "")


@settings(deadline=None)
@given(st.text(max_size=80))
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a metric's protocol"):
        Protocol.parse(text)


def test_which_way_is_up() -> None:
    assert IS.higher_is_better
    assert not FID.higher_is_better


def test_the_reason_names_every_difference() -> None:
    assert comparable(IS, IS) == ""
    other = dataclasses.replace(IS, samples=64, data="000000")
    assert comparable(IS, other) == "not comparable: samples 2048 against 64, data 5d6e7f against 000000"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "lpips"}, "family must be one of is, fid, .*accuracy, but got 'lpips'"),
        ({"samples": 0}, "samples of is must look like .* but got 0"),
        ({"data": "nothex"}, "data of is must look like .* but got 'nothex'"),
        ({"accuracy": "98%"}, "accuracy of is must look like .* but got '98%'"),
        ({"passes": 10}, "is does not depend on passes: leave it unset, but got 10"),
    ],
)
def test_a_bad_field_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(IS, **change)  # type: ignore[arg-type]


def test_reconstructions() -> None:
    plain = Protocol(family="mse01", samples=7, data="0123ab", resize="to128", split="test")
    rounding = replace(plain, family="rounding", codes="float16")
    assert plain.name == "mse01-7x1_to128_test_data-0123ab"
    assert rounding.name == "rounding7x1_to128_test_data-0123ab_codes-float16"
    for protocol in (plain, rounding, replace(plain, family="mse11"), replace(plain, family="psnr")):
        assert Protocol.parse(protocol.name) == protocol
    assert [higher_is_better(one) for one in ("mse01", "mse11", "psnr", "rounding")] == [
        False,
        False,
        True,
        False,
    ]
    assert comparable(rounding, replace(rounding, codes="float32")) == (
        "not comparable: codes float16 against float32"
    )
    with pytest.raises(ValueError, match="mse01 does not depend on codes"):
        replace(plain, codes="float16")


def test_kid_and_precision_say_how_many_they_compare_and_inception_has_no_accuracy() -> None:
    common = Protocol(
        family="fid",
        samples=99,
        data="0123ab",
        resize="tfbilinear299",
        classifier="inception-1a2b3c",
        passes=1,
        split="train",
    )
    kid = replace(common, family="kid", subsets=100, points=50)
    precision = replace(common, family="precision", neighbours=3, points=60)
    assert common.name == "fid99x1_inception-1a2b3c_tfbilinear299_r1-train_data-0123ab"
    assert kid.name == "kid99x1_inception-1a2b3c_tfbilinear299_b100of50_r1-train_data-0123ab"
    assert precision.name == "precision99x1_inception-1a2b3c_tfbilinear299_k3of60_r1-train_data-0123ab"
    known = replace(
        precision, family="recall", accuracy="0.950", classifier="cnn-1a2b3c", resize="bicubicaa64"
    )
    assert known.name == "recall99x1_cnn-1a2b3c_acc0.950_bicubicaa64_k3of60_r1-train_data-0123ab"
    for protocol in (common, kid, precision, known):
        assert Protocol.parse(protocol.name) == protocol
    assert [higher_is_better(family) for family in ("kid", "precision", "recall")] == [False, True, True]
    assert comparable(kid, replace(kid, points=60)) == "not comparable: points 50 against 60"
    with pytest.raises(ValueError, match="kid does not depend on neighbours"):
        replace(kid, neighbours=3)
