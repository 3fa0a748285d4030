"""State goes through plain data and tensors by name, and comes back to the bit."""

import json
import math
import struct
from collections import OrderedDict
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from retable.io.state_dict import DTYPES, joined, split


def round_trip(state: dict[Any, Any]) -> Any:
    plain, tensors = split(state)
    return joined(json.loads(json.dumps(plain, allow_nan=False)), tensors)


def bits(value: object) -> object:
    """The value with its type, and floats and tensors as bytes: NaNs and signs of zero are compared too."""
    if isinstance(value, torch.Tensor):
        raw = value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""
        return value.dtype, tuple(value.shape), raw
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, dict):
        return [(bits(key), bits(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [bits(item) for item in value]
    return type(value), value


Leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
Keys = (
    st.text()
    | st.integers()
    | st.booleans()
    | st.tuples(st.text(), st.integers())
    | st.sampled_from(["$tensor", "$"])
)
States = st.recursive(
    Leaves | st.sampled_from([torch.arange(3), torch.tensor(0.5)]),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(Keys, inner),
    max_leaves=20,
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(Keys, States))
def test_any_nested_state_comes_back_to_the_bit(state: dict[Any, Any]) -> None:
    assert bits(round_trip(state)) == bits(state)


@pytest.mark.parametrize("dtype", sorted(DTYPES, key=str))
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 3, 4)])
def test_every_dtype_and_shape_keeps_its_bits(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    size = torch.empty((), dtype=dtype).element_size()
    raw = torch.randint(0, 2 if dtype == torch.bool else 256, (*shape, size), dtype=torch.uint8)
    tensor = raw.view(dtype).reshape(shape)
    assert bits(round_trip({"t": tensor})) == bits({"t": tensor})


@pytest.mark.parametrize("value", [math.nan, -math.nan, math.inf, -math.inf, -0.0, 5e-324, 0.1, 1e308])
def test_python_floats_keep_their_bits(value: float) -> None:
    assert struct.pack("<d", round_trip({"x": value})["x"]) == struct.pack("<d", value)


def test_views_and_shared_tensors_are_saved_as_what_they_show() -> None:
    base = torch.arange(12.0).reshape(3, 4)
    state = {"base": base, "same": base, "column": base[:, 1], "t": base.T, "expanded": base[:1].expand(5, 4)}
    state["conjugate"] = torch.tensor([1 + 2j], dtype=torch.complex64).conj()
    _, tensors = split(state)
    assert all(tensor.is_contiguous() and not tensor.is_conj() for tensor in tensors.values())
    assert len({tensor.data_ptr() for tensor in tensors.values()}) == len(tensors)
    for key, tensor in round_trip(state).items():
        assert torch.equal(tensor, state[key]), key


def test_what_is_taken_apart_does_not_change_with_the_model() -> None:
    parameter = torch.nn.Parameter(torch.zeros(2))
    _, tensors = split({"weight": parameter})
    with torch.no_grad():
        parameter.add_(1)
    assert tensors["/weight"].tolist() == [0, 0]
    assert not tensors["/weight"].requires_grad


def test_keys_that_make_the_same_path_are_told_apart() -> None:
    state: dict[Any, Any] = {
        "a/b": torch.tensor(1),
        "a": {"b": torch.tensor(2)},
        0: torch.tensor(3),
        "0": torch.tensor(4),
    }
    assert len(split(state)[1]) == 4
    assert bits(round_trip(state)) == bits(state)


def test_other_mappings_become_dicts() -> None:
    assert type(round_trip({"m": OrderedDict(b=1, a=2)})["m"]) is dict
    assert list(round_trip({"m": OrderedDict(b=1, a=2)})["m"]) == ["b", "a"]


class Odd(int):
    """Would come back as another type."""


@pytest.mark.parametrize(
    "value",
    [
        object(),
        Odd(1),
        b"bytes",
        {1, 2},
        1j,
        torch.float32,
        torch.Size([1]),
        torch.zeros(2).numpy(),
        lambda: 0,
    ],
)
def test_anything_else_is_refused_by_its_path(value: object) -> None:
    with pytest.raises(TypeError, match=r"^/learner/0/x of the state is a .* convert it"):
        split({"learner": [{"x": value}]})


@pytest.mark.parametrize("tensor", [torch.eye(2).to_sparse(), torch.zeros(2, dtype=torch.complex128)])
def test_tensors_that_safetensors_cannot_hold_are_refused(tensor: torch.Tensor) -> None:
    with pytest.raises(TypeError, match=r"^/x of the state is a tensor of .* make it dense"):
        split({"x": tensor})


def test_a_mark_of_the_future_is_refused() -> None:
    with pytest.raises(ValueError, match="newer version"):
        joined({"a": {"$set": [1]}}, {})
    with pytest.raises(KeyError):
        joined({"a": {"$tensor": "/gone"}}, {})
