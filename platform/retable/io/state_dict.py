"""Conversion of a nested state into JSON and named tensors, and back, exact to the bit."""

import math
import struct
from collections.abc import Mapping

import torch

Tensors = dict[str, torch.Tensor]

DTYPES = frozenset(
    {
        *(
            torch.float64,
            torch.float32,
            torch.float16,
            torch.bfloat16,
            torch.float8_e4m3fn,
            torch.float8_e5m2,
        ),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.bool, torch.complex64),
        *(torch.uint64, torch.uint32, torch.uint16, torch.uint8),
    }
)
"""The data types that safetensors can store."""


def split(state: Mapping[str, object]) -> tuple[object, Tensors]:
    """Split nested dicts, lists and tuples into a JSON value and the tensors that it names.

    Tensors come out on the CPU, dense and contiguous, none sharing memory with another or with the state.

    Raises:
        TypeError: the state holds something other than tensors and plain data.
    """
    tensors: Tensors = {}
    return _to_json(state, "", tensors), tensors


def joined(tree: object, tensors: Mapping[str, torch.Tensor]) -> object:
    """The state that `split` took apart.

    Raises:
        KeyError: a tensor is missing.
        ValueError: a marker is unknown, such as one of a newer version.
    """
    if isinstance(tree, list):
        return [joined(item, tensors) for item in tree]
    if not isinstance(tree, dict):
        return tree
    match next(iter(tree.items()), ("", None)):
        case "$tensor", str(name):
            return tensors[name]
        case "$float", str(bits):
            return struct.unpack("<d", bytes.fromhex(bits))[0]
        case "$tuple", list(items):
            return tuple(joined(item, tensors) for item in items)
        case "$dict", list(pairs):
            return {joined(key, tensors): joined(value, tensors) for key, value in pairs}
        case mark, _ if mark.startswith("$"):
            raise ValueError(f"unknown mark {mark!r} in a state; was it saved by a newer version of Retable?")
    return {key: joined(value, tensors) for key, value in tree.items()}


def _to_json(value: object, path: str, tensors: Tensors) -> object:
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if isinstance(value, float) and kind is float:
        return value if math.isfinite(value) else {"$float": struct.pack("<d", value).hex()}
    if isinstance(value, torch.Tensor):
        name = path
        while name in tensors:  # {"a/b": …, "a": {"b": …}}
            name += "'"
        tensors[name] = _dense(value, path)
        return {"$tensor": name}
    if isinstance(value, list) and kind is list:
        return [_to_json(item, f"{path}/{i}", tensors) for i, item in enumerate(value)]
    if isinstance(value, tuple) and kind is tuple:
        return {"$tuple": [_to_json(item, f"{path}/{i}", tensors) for i, item in enumerate(value)]}
    if isinstance(value, Mapping):
        items = [(key, _to_json(item, f"{path}/{key}", tensors)) for key, item in value.items()]
        if all(type(key) is str and not key.startswith("$") for key, _ in items):
            return dict(items)
        return {"$dict": [[_to_json(key, f"{path}/{key}", tensors), item] for key, item in items]}
    raise TypeError(
        f"{path} of the state is a {kind.__module__}.{kind.__qualname__}, but a checkpoint holds only tensors, None, "
        "bool, int, float, str, lists, tuples and dicts; convert it, an array with torch.from_numpy, an object with "
        "its state_dict()"
    )


def _dense(tensor: torch.Tensor, path: str) -> torch.Tensor:
    if tensor.layout != torch.strided or tensor.dtype not in DTYPES:
        raise TypeError(
            f"{path} of the state is a tensor of {tensor.dtype}, {tensor.layout}, which a checkpoint cannot hold; "
            "make it dense (to_dense, dequantize, view_as_real)"
        )
    copy = torch.empty(tensor.shape, dtype=tensor.dtype)
    return copy.copy_(tensor.detach())
