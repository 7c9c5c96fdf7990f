"""Dynamic inputs: what is missing is named at once, with flags that work; what contradicts the file is refused."""

from __future__ import annotations

import shlex

import onnx
import pytest
from onnx import TensorProto, helper

from groupcalc.errors import GeometryError, InputError, MissingDimsError
from groupcalc.graph import Tensor
from groupcalc.sources.given import Given, parse_given
from groupcalc.sources.onnx.inputs import declared_inputs, resolve_inputs, symbols

Dims = list[int | str | None] | None


def value(name: str, dims: Dims) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)


def resolve(given: Given, **inputs: Dims) -> dict[str, tuple[int, ...]]:
    declared = declared_inputs([value(name, dims) for name, dims in inputs.items()])
    tensors, _ = resolve_inputs(declared, given)
    assert all(isinstance(tensor, Tensor) and tensor.dtype == "float32" for tensor in tensors)
    return {tensor.name: tensor.shape for tensor in tensors}


def missing(given: Given | None = None, **inputs: Dims) -> MissingDimsError:
    with pytest.raises(MissingDimsError) as caught:
        resolve(given or Given(), **inputs)
    return caught.value


def test_fixed_dimensions_need_nothing() -> None:
    assert resolve(Given(), x=[1, 3, 8, 8]) == {"x": (1, 3, 8, 8)}


def test_a_scalar_input_has_no_dimensions() -> None:
    assert resolve(Given(), x=[]) == {"x": ()}


def test_a_named_dimension_is_given_by_name_wherever_it_stands() -> None:
    found = resolve(Given(dims={"batch": 2}), x=["batch", 3], y=[4, "batch"])
    assert found == {"x": (2, 3), "y": (4, 2)}


def test_a_shape_binds_the_names_of_its_dimensions_for_other_inputs() -> None:
    found = resolve(Given(shapes={"x": (2, 5)}), x=["batch", "tokens"], mask=["batch", "tokens", "tokens"])
    assert found == {"x": (2, 5), "mask": (2, 5, 5)}


def test_the_only_input_needs_no_name() -> None:
    assert resolve(Given(shapes={"": (1, 3)}), x=["n", 3]) == {"x": (1, 3)}
    with pytest.raises(InputError, match="--shape has no name, and the model has 2 inputs"):
        resolve(Given(shapes={"": (1, 3)}), x=["n", 3], y=["n", 3])


def test_everything_missing_is_named_at_once() -> None:
    error = missing(x=["batch", 3, "height", "width"], mask=["batch", "tokens"])
    assert error.fact == (
        "dimension 'batch' of input 'x' is not known; dimension 'height' of input 'x' is not known; "
        "dimension 'width' of input 'x' is not known; dimension 'batch' of input 'mask' is not known; "
        "dimension 'tokens' of input 'mask' is not known"
    )
    assert error.flags == ("--dim batch=1", "--dim height=224", "--dim width=224", "--dim tokens=1")


CACHED: dict[str, Dims] = {"ids": ["b", "seq"], "mask": ["b", "past + seq"], "key": ["b", 12, "past", 64]}


def test_arithmetic_between_names_follows_from_them() -> None:
    found = resolve(Given(dims={"b": 2, "past": 5, "seq": 3}), **CACHED)
    assert found == {"ids": (2, 3), "mask": (2, 5 + 3), "key": (2, 12, 5, 64)}
    assert resolve(Given(shapes={"ids": (2, 3), "key": (2, 12, 5, 64)}), **CACHED) == found


def test_of_arithmetic_the_names_are_missing_that_stand_alone_somewhere() -> None:
    assert missing(Given(dims={"b": 2, "z": 3}), **CACHED).flags == ("--dim b=2", "--dim seq=1", "--dim past=1")
    assert missing(x=["batch-size", 3]).flags == ("--dim batch-size=1",)
    assert missing(Given(dims={"h": 4}), x=["h + w"]).flags == ("--dim h=4", "--dim w=1")


def test_a_shape_at_odds_with_arithmetic_is_refused() -> None:
    with pytest.raises(GeometryError, match=r"dimension 'past \+ seq' is 8 and 9 at once"):
        resolve(Given(dims={"b": 2, "past": 5, "seq": 3}, shapes={"mask": (2, 9)}), **CACHED)


@pytest.mark.parametrize(
    "inputs",
    [
        CACHED,
        {"x": ["h", "2*h", None]},
        {"x": ["batch", 3, "height", "width"]},
        {"x": ["batch", None, 7]},
        {"x": [None, 3], "y": ["n", 3]},
        {"x": None},
        {"x": ["batch size", "a'b"]},
        {"in put:0": [None, "n", 4, 4]},
    ],
)
def test_the_suggested_flags_are_all_that_is_missing(inputs: dict[str, Dims]) -> None:
    words = shlex.split(" ".join(missing(**inputs).flags))
    values = list(zip(words[::2], words[1::2], strict=True))
    given = parse_given(
        [text for flag, text in values if flag == "--shape"], [text for flag, text in values if flag == "--dim"]
    )
    assert resolve(given, **inputs).keys() == inputs.keys()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Given(shapes={"x": (1, 3)}), "input 'x' has 3 dimensions, --shape gives 2"),
        (Given(shapes={"x": (1, 4, 8)}), "input 'x' is n×3×n in the file, --shape gives 1×4×8"),
        (Given(shapes={"x": (1, 3, 8)}), "dimension 'n' is 1 and 8 at once"),
        (Given(shapes={"x": (2, 3, 2)}, dims={"n": 5}), "dimension 'n' is 5 and 2 at once"),
    ],
)
def test_a_shape_that_contradicts_the_file_is_refused(given: Given, message: str) -> None:
    with pytest.raises(GeometryError) as caught:
        resolve(given, x=["n", 3, "n"])
    assert caught.value.fact == message


def test_a_negative_size_is_an_unknown_one() -> None:
    assert missing(x=[-1, 3]).flags == ("--shape x=1x3",)


def test_symbols_are_named_once_in_order() -> None:
    assert symbols(declared_inputs([value("x", ["b", 3, "h"]), value("y", ["h", None, "2*w"])])) == (
        "b", "h", "2*w", "w",
    )  # fmt: skip
