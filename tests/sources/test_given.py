"""The grammar of --shape and --dim."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groupcalc.errors import UsageError
from groupcalc.sources.given import Given, check_used, parse_given

NAMES = st.text(st.sampled_from("abcxyz_/.0123456789"), min_size=1, max_size=12)
SIZES = st.lists(st.integers(0, 10**6), min_size=1, max_size=6)


@given(st.dictionaries(NAMES, SIZES, min_size=1, max_size=4), st.sampled_from("x×"), st.booleans())
def test_shapes_read_back_as_they_were_written(shapes: dict[str, list[int]], cross: str, joined: bool) -> None:
    words = [f"{name}={cross.join(map(str, sizes))}" for name, sizes in shapes.items()]
    found = parse_given([",".join(words)] if joined else words, [])
    assert found.shapes == {name: tuple(sizes) for name, sizes in shapes.items()}


@given(st.dictionaries(NAMES, st.integers(0, 10**6), min_size=1, max_size=4))
def test_dimensions_read_back_as_they_were_written(dims: dict[str, int]) -> None:
    assert parse_given([], [f"{name}={size}" for name, size in dims.items()]).dims == dims


@given(st.text(), st.text())
def test_any_text_is_read_or_refused_in_one_line(shape: str, dim: str) -> None:
    said = []
    for shapes, dims in (([shape], []), ([], [dim])):
        try:
            parse_given(shapes, dims)
        except UsageError as error:
            said.append(str(error))
    assert all(line.isprintable() for line in said)


@pytest.mark.parametrize(
    ("text", "name", "shape"),
    [
        ("1x3x224x224", "", (1, 3, 224, 224)),
        ("x=1x3", "x", (1, 3)),
        ("x=7", "x", (7,)),
        ("input:0=1x3", "input:0", (1, 3)),
        ("x:1x3", "x", (1, 3)),  # as trtexec writes it
        ("input:0:1x3", "input:0", (1, 3)),
    ],
)
def test_a_shape_is_split_at_the_first_equals_sign_else_at_the_last_colon(
    text: str, name: str, shape: tuple[int, ...]
) -> None:
    assert parse_given([text], []).shapes == {name: shape}


@pytest.mark.parametrize(
    "text", ["", "x=", "=1x3", "x=1x", "x=-1x3", "x=1 x 3", "x=1.5", "1x3,2x4", "x=99999999999999999999"]
)
def test_what_is_no_shape_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_given([text], [])
    assert str(caught.value) == f"--shape: '{text}' is not a shape (write x=1x3x224x224)"


def test_one_name_with_two_values_is_refused() -> None:
    with pytest.raises(UsageError, match="'batch' is given twice, with different values"):
        parse_given([], ["batch=1", "batch=2"])
    assert parse_given([], ["batch=1", "batch=1"]).dims == {"batch": 1}


def test_a_name_that_no_model_has_is_an_error_with_the_nearest_one() -> None:
    with pytest.raises(UsageError) as caught:
        check_used(Given(dims={"bacth": 1}), [], ["batch", "height"])
    assert str(caught.value) == "--dim: no model has dimension 'bacth' (did you mean 'batch'?)"
    with pytest.raises(UsageError) as caught:
        check_used(Given(shapes={"q": (1,)}), ["input", "mask"], [])
    assert str(caught.value) == "--shape: no model has input 'q' (there is: input, mask)"
    check_used(Given(shapes={"": (1,)}, dims={"batch": 1}), ["x"], ["batch"])
