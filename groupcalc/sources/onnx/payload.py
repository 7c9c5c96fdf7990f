"""What a stored tensor holds: its element type by name, whether its payload is there, and as long as its dims say."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import onnx

from groupcalc.errors import InputError
from groupcalc.graph import BITS, MAX_RANK
from groupcalc.units import show_name, show_shape

ELEM_TYPES: Mapping[str, int] = {
    "string" if number == onnx.TensorProto.STRING else str(onnx.helper.tensor_dtype_to_np_dtype(number).name): number
    for number in onnx.helper.get_all_tensor_dtypes()
    if number != onnx.TensorProto.UNDEFINED
}
"""ONNX element types by the name that a Tensor carries: numpy's, or ml_dtypes' for what numpy lacks."""

DTYPES: Mapping[int, str] = {number: name for name, number in ELEM_TYPES.items()}

ENTRY_FIELDS: Mapping[int, str] = {number: str(onnx.helper.tensor_dtype_to_field(number)) for number in DTYPES}
"""The payload field of an element type where there is no `raw_data`."""

EXTERNAL = int(onnx.TensorProto.EXTERNAL)


def dtype(elem_type: int) -> str:
    """The dtype name of an ONNX element type; InputError for a number that ONNX does not define."""
    try:
        return DTYPES[elem_type]
    except KeyError:
        raise InputError(f"element type {elem_type} is not one of ONNX's", "export the model again") from None


def has_payload(proto: onnx.TensorProto) -> bool:
    """Its elements are in the file as it was read: not dropped, not external, not left out."""
    if proto.data_location == EXTERNAL:
        return False
    if 0 in proto.dims:
        return True
    name = "raw_data" if proto.HasField("raw_data") else entry_field(proto)
    return bool(name and getattr(proto, name)) and proto.data_type != onnx.TensorProto.STRING  # no shape is a text


def entry_field(tensor: onnx.TensorProto) -> str:
    """The field that holds its elements if `raw_data` does not; "" for an element type that ONNX does not define."""
    return ENTRY_FIELDS.get(tensor.data_type, "")


def payload_fault(tensor: onnx.TensorProto) -> str | None:
    """A line that names the tensor if its payload is shorter or longer than its dims say; none at all is no fault."""
    name = entry_field(tensor)
    entries = len(getattr(tensor, name)) if name else 0
    return fault(tensor, len(tensor.raw_data), entries, entries)


def fault(tensor: onnx.TensorProto, raw: int, least: int, most: int) -> str | None:
    """What is wrong with `raw` bytes, or else with `least` to `most` entries, for the dims of this tensor."""
    kind, dims = DTYPES.get(tensor.data_type, ""), tensor.dims
    if not kind or tensor.data_location == EXTERNAL or not (raw or most):
        return None
    if len(dims) > MAX_RANK or min(dims, default=0) < 0:
        return None
    wanted = _wanted(prod(dims), kind, in_bytes=raw > 0)
    least, most, unit = (raw, raw, "bytes") if raw else (least, most, f"entries in {entry_field(tensor)}")
    if least <= wanted <= most:
        return None
    held = f"{least}" if least == most else f"{least} to {most}"
    name = tensor.name if isinstance(tensor.name, str) else tensor.name.decode(errors="backslashreplace")
    return f"tensor '{show_name(name)}': holds {held} {unit}, {kind}[{show_shape(dims)}] takes {wanted}"


def _wanted(elements: int, dtype: str, in_bytes: bool) -> int:
    """Bytes of `raw_data`, or entries of the payload field: a complex number takes two; types of which a byte holds
    a whole number share one, float6 does not."""
    bits = BITS[dtype]
    if in_bytes or (0 < bits < 8 and 8 % bits == 0):
        return (elements * bits + 7) // 8
    return elements * 2 if dtype.startswith("complex") else elements
