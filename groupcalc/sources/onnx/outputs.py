"""What an operator makes of the shapes of its inputs: one function a kind of operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from groupcalc.conv import channels_first, channels_last
from groupcalc.graph import Tensor

Attributes = Mapping[str, Any]
Made = Sequence[tuple[str, tuple[int, ...]] | None]
"""dtype and shape of each output; None where they are not known."""

Maker = Callable[["Operands", Attributes], Made]
"""Raises ArithmeticError, LookupError, TypeError or ValueError for a node that is not one of the operator."""


class Operands:
    """The inputs of a node by their place. LookupError where one is asked for that is left out."""

    def __init__(self, tensors: Sequence[Tensor | None]) -> None:
        self._tensors = tensors

    def get(self, place: int) -> Tensor | None:
        return self._tensors[place] if place < len(self._tensors) else None

    def __getitem__(self, place: int) -> Tensor:
        tensor = self.get(place)
        if tensor is None:
            raise LookupError(place)
        return tensor

    def from_(self, place: int, step: int) -> list[Tensor]:
        return [tensor for tensor in self._tensors[place::step] if tensor is not None]


def same(x: Operands, given: Attributes) -> Made:
    """As the first input."""
    return [(x[0].dtype, x[0].shape)]


def reshaped(x: Operands, given: Attributes) -> Made:
    """To a shape that is an attribute: 0 keeps a size, -1 takes what is left (ONNX Reshape-1)."""
    sizes = [x[0].shape[place] if size == 0 else size for place, size in enumerate(given["shape"])]
    known = prod(size for size in sizes if size != -1)
    return [(x[0].dtype, tuple(x[0].size // known if size == -1 else size for size in sizes))]


def upsampled(x: Operands, given: Attributes) -> Made:
    """By a factor for height and one for width (ONNX Upsample-1)."""
    n, c, h, w = x[0].shape
    return [(x[0].dtype, (n, c, int(h * given["height_scale"]), int(w * given["width_scale"])))]


def typed(place: int) -> Maker:
    """As the first input, in the dtype of the zero point at `place`."""

    def make(x: Operands, given: Attributes) -> Made:
        zero = x.get(place)
        return [(zero.dtype if zero else x[0].dtype, x[0].shape)]

    return make


def floats(x: Operands, given: Attributes) -> Made:
    """As the first input, in float32."""
    return [("float32", x[0].shape)]


def elementwise(first: int, second: int) -> Maker:
    """Operands at these places, one broadcast over the other."""
    return lambda x, given: [(x[first].dtype, broadcast(x[first].shape, x[second].shape))]


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that these broadcast to; ValueError where they do not. (NumPy, Broadcasting)"""
    rank = max(map(len, shapes))
    sizes = []
    for axis in zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True):
        found = {size for size in axis if size != 1}
        if len(found) > 1:
            raise ValueError(f"{axis} do not broadcast")
        sizes.append(found.pop() if found else 1)
    return tuple(sizes)


def product(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a matrix product; ValueError where the operands do not fit. (numpy.matmul)"""
    left, right = (1, *a) if len(a) == 1 else a, (*b, 1) if len(b) == 1 else b
    if left[-1] != right[-2]:
        raise ValueError(f"{a} and {b} have no product")
    rows = left[-2:-1] if len(a) > 1 else ()
    columns = right[-1:] if len(b) > 1 else ()
    return (*broadcast(left[:-2], right[:-2]), *rows, *columns)


def matmul(b: int = 1, dtype: str = "") -> Maker:
    """The product of the first input with that at `b`, in the dtype of the first if no other is given."""
    return lambda x, given: [(dtype or x[0].dtype, product(x[0].shape, x[b].shape))]


def fused_matmul(x: Operands, given: Attributes) -> Made:
    """A product whose operands are transposed as the attributes say."""
    a = turned(x[0].shape, given.get("transA", 0), given.get("transBatchA", 0))
    b = turned(x[1].shape, given.get("transB", 0), given.get("transBatchB", 0))
    return [(x[0].dtype, product(a, b))]


def turned(shape: tuple[int, ...], last: int, batch: int) -> tuple[int, ...]:
    """The first axis goes behind the batch ones, and then the last two change places; vectors stay as they are."""
    if len(shape) < 2:
        return shape
    if batch:
        shape = (*shape[1:-1], shape[0], shape[-1])
    return (*shape[:-2], shape[-1], shape[-2]) if last else shape


def gemm(b: int = 1) -> Maker:
    """a[m, k] and the operand at `b`, [k, n], each perhaps transposed; the one of QGemm stands behind scales."""

    def make(x: Operands, given: Attributes) -> Made:
        m, _ = turned(x[0].shape, given.get("transA", 0), 0)
        _, n = turned(x[b].shape, given.get("transB", 0), 0)
        quantized = x.get(8) if b == 3 else None
        return [(quantized.dtype if quantized else "float32" if b == 3 else x[0].dtype, (m, n))]

    return make


def to_n(x: Operands, given: Attributes) -> Made:
    """A product with a packed weight, whose columns an attribute counts."""
    return [(x[0].dtype, (*x[0].shape[:-1], int(given["N"])))]


def projected(x: Operands, given: Attributes) -> Made:
    """Attention over a projection of x[n, l, c] by w[c, 3·h·d]; the output has as many columns as the values."""
    *tokens, _ = x[0].shape
    _, columns = x[1].shape
    sizes = given.get("qkv_hidden_sizes") or (columns // 3,) * 3
    dtype = "float32" if x[0].dtype in ("int8", "uint8") else x[0].dtype
    past = x.get(8) if dtype != x[0].dtype else x.get(4)
    heads = int(given["num_heads"])
    present = None
    if len(tokens) == 2:
        before = past.shape[3] if past else 0
        present = (dtype, (2, tokens[0], heads, before + tokens[1], int(sizes[0]) // heads))
    return [(dtype, (*tokens, int(sizes[2]))), present]


def heads_attention(x: Operands, given: Attributes) -> Made:
    """q, k and v[n, l, h·d], or [n, h, l, d] for keys and values that were computed before; or packed into one."""
    q, heads = x[0], int(given["num_heads"])
    k, v, past = x.get(1), x.get(2), x.get(6)
    n, length, *_ = q.shape
    if len(q.shape) == 5:  # q, k and v packed
        keys, d = length, q.shape[4]
        width = heads * d
    elif k is not None and len(k.shape) == 5:
        keys, d = k.shape[1], k.shape[4]
        width = heads * d
    else:
        k = x[1]
        v = v or k
        keys = k.shape[2] if len(k.shape) == 4 else k.shape[1]
        width = v.shape[1] * v.shape[3] if len(v.shape) == 4 else v.shape[2]
        d = q.shape[2] // heads
    total = keys + (past.shape[2] if past else 0)
    shapes = (n, length, width), (n, heads, total, d), (n, heads, total, width // heads), (n, heads, length, total)
    return [(q.dtype, shape) for shape in shapes]


def grouped_attention(x: Operands, given: Attributes) -> Made:
    """The present keys and values may lie in the buffer of the past ones; counted as if behind them."""
    q, heads, kv = x[0], int(given["num_heads"]), int(given["kv_num_heads"])
    n, length, width = q.shape
    d = width // heads if x.get(1) else width // (heads + 2 * kv)
    past = x.get(3)
    total = (past.shape[2] if past else 0) + length
    cache = ((past or q).dtype, (n, kv, total, d))
    return [(q.dtype, (n, length, heads * d)), cache, cache]


def packed_attention(x: Operands, given: Attributes) -> Made:
    """q[tokens, h·d] or q, k and v[tokens, h, 3, d]."""
    q, v = x[0], x.get(2)
    return [(q.dtype, (q.shape[0], v.shape[1] if v else q.shape[1] * q.shape[3]))]


def skip(x: Operands, given: Attributes) -> Made:
    """A normalisation: its statistics, and the sum that it normalises."""
    shape = x[0].shape
    statistic = ("float32", (*shape[:-1], 1))
    return [(x[0].dtype, shape), statistic, statistic, (x[0].dtype, shape)]


def embedded(x: Operands, given: Attributes) -> Made:
    """A row of a table for each word, a count for each sentence, the sum of the rows."""
    words, table = x[0].shape, x[2]
    made = (table.dtype, (*words, table.shape[1]))
    return [made, ("int32", words[:1]), made]


def halved(x: Operands, given: Attributes) -> Made:
    """As the first input, with half the columns."""
    *rest, width = x[0].shape
    return [(x[0].dtype, (*rest, width // 2))]


def global_pool(x: Operands, given: Attributes) -> Made:
    """One element a channel."""
    n, *rest = x[0].shape
    ones = (1,) * (len(rest) - 1)
    shape = (n, *ones, rest[-1]) if given.get("channels_last", 0) else (n, rest[0], *ones)
    return [(x[0].dtype, shape)]


def concat(x: Operands, given: Attributes) -> Made:
    """The dtype is that of the zero point; behind it each tensor with its scale and zero point."""
    parts = [tensor.shape for tensor in x.from_(2, 3)]
    axis = range(len(parts[0]))[int(given["axis"])]
    size = sum(shape[axis] for shape in parts)
    return [(x[1].dtype, (*parts[0][:axis], size, *parts[0][axis + 1 :]))]


def reduced(x: Operands, given: Attributes) -> Made:
    """Less the axes that the attributes name, or with 1 in their place."""
    rank = len(x[0].shape)
    axes = {range(rank)[axis] for axis in given.get("axes") or range(rank)}
    kept = bool(given.get("keepdims", 1))
    sizes = [1 if axis in axes else size for axis, size in enumerate(x[0].shape) if kept or axis not in axes]
    return [(x[0].dtype, tuple(sizes))]


def where(x: Operands, given: Attributes) -> Made:
    """Three operands that broadcast, two of them with scales and zero points."""
    return [(x[1].dtype, broadcast(x[0].shape, x[1].shape, x[4].shape))]


def lstm(x: Operands, given: Attributes) -> Made:
    """Every state, and the last two."""
    steps, n, _ = x[0].shape
    directions, h, _ = x[2].shape
    last = (x[0].dtype, (directions, n, h))
    return [(x[0].dtype, (steps, directions, n, h)), last, last]


def gathered_nd(x: Operands, given: Attributes) -> Made:
    """What stands at each place of data[...]."""
    *places, depth = x[1].shape
    return [(x[0].dtype, (*places, *x[0].shape[depth:]))]


def sampled(x: Operands, given: Attributes) -> Made:
    """x[n, c, h, w] at each place of a grid[n, h', w', 2]."""
    return [(x[0].dtype, (*x[0].shape[:2], *x[1].shape[1:-1]))]


def recurrence(x: Operands, given: Attributes) -> Made:
    """Linear attention: what leaves, and the state."""
    h, g = int(given["q_num_heads"]), int(given["kv_num_heads"])
    n, t, width = x[0].shape
    d, e = width // h, x[2].shape[2] // g
    return [(x[0].dtype, (n, t, h * e)), (x[0].dtype, (n, g, d, e))]


def gathered(x: Operands, given: Attributes) -> Made:
    """Rows of a quantised table; of few bits, several elements a byte."""
    data, indices = x[0].shape, x[1].shape
    if x[0].dtype == "uint8" and given.get("bits", 4) < 8:
        data = (*data[:-1], data[-1] * 8 // int(given.get("bits", 4)))
    axis = range(len(data))[int(given.get("gather_axis", 0))]
    return [(x[2].dtype, (*data[:axis], *indices, *data[axis + 1 :]))]


def reordered(x: Operands, given: Attributes) -> Made:
    """Into blocks of channels, behind the batch."""
    shape = x[0].shape
    return [(x[0].dtype, channels_first(shape) if given.get("channels_last", 0) else shape)]


def ordered(x: Operands, given: Attributes) -> Made:
    """Out of blocks of channels, less those that fill up the last block."""
    n, _, *size = x[0].shape
    shape = (n, int(given["channels"]), *size)
    return [(x[0].dtype, channels_last(shape) if given.get("channels_last", 0) else shape)]


def scaled(x: Operands, given: Attributes) -> Made:
    """Each axis by a whole factor."""
    sizes = zip(x[0].shape, given["scales"], strict=True)
    return [(x[0].dtype, tuple(size * int(scale) for size, scale in sizes))]


def rows(count: Callable[[Attributes], int]) -> Maker:
    """A row of so many float32 for each row of x (ONNX ai.onnx.ml)."""
    return lambda x, given: [("float32", (*x[0].shape[:-1][-1:], count(given)))]


def classified(x: Operands, given: Attributes) -> Made:
    """A label, and a score for each class."""
    names = given.get("classlabels_strings") or ()
    classes = len(names) or len(given.get("classlabels_int64s") or given.get("classlabels_ints") or ())
    rows = x[0].shape[:-1][-1:]
    return [("string" if names else "int64", rows), ("float32", (*rows, classes))]


def joined(x: Operands, given: Attributes) -> Made:
    """Rows side by side."""
    columns = sum(tensor.shape[-1] for tensor in x.from_(0, 1))
    return [("float32", (*x[0].shape[:-1], columns))]
