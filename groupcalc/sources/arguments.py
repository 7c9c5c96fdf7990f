"""The arguments of a call: bound as Python would bind them, each value checked by what its name means in torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from types import MappingProxyType
from typing import Any

from groupcalc.errors import InputError
from groupcalc.graph import BITS
from groupcalc.sources.builder.rearrange import RESIZE_MODES
from groupcalc.units import show_name

MAX_INT = 2**63 - 1
"""ONNX knows no larger integer."""

DTYPES = tuple(dict.fromkeys(("float32", "float16", "bfloat16", *BITS, "bool", "string")))[:-2]

REQUIRED: Any = object()
"""Stands where an argument has no default."""


@cache
def parameters(signature: str) -> tuple[Mapping[str, Any], int]:
    """The arguments of a signature with their defaults, and how many of them may be given by position."""
    import ast

    found = ast.parse(f"lambda {signature}: 0", mode="eval").body
    assert isinstance(found, ast.Lambda)
    names = [argument.arg for argument in found.args.args]
    values = [ast.literal_eval(value) for value in found.args.defaults]
    defaults = dict(zip(names, [REQUIRED] * (len(names) - len(values)) + values, strict=True))
    for argument, value in zip(found.args.kwonlyargs, found.args.kw_defaults, strict=True):
        defaults[argument.arg] = ast.literal_eval(value) if value else REQUIRED
    return MappingProxyType(defaults), len(names)


def bind(
    call: str,
    signature: str,
    positional: Sequence[object],
    named: Iterable[tuple[str, object]],
    beside: Iterable[str] = (),
) -> dict[str, Any]:
    """Every argument of a call, defaults filled in and values checked; InputError says what is wrong.

    beside  further words that may have been meant by a misspelt argument
    """
    defaults, most = parameters(signature)
    usage = f"{call}({signature.partition(', device')[0]})"
    if len(positional) > most:
        takes = f"takes {most} argument{'s' * (most != 1)}" if most else "takes no arguments"
        raise InputError(f"{call} {takes} by position, not {len(positional)}", usage)
    given = dict(zip(defaults, positional, strict=False))
    for name, value in named:
        if name not in defaults:
            raise InputError(f"{call} has no argument {show(name)}", suggest(name, [*defaults, *beside]))
        if name in given:
            raise InputError(f"{call} is given {name} twice", "give it once")
        given[name] = value
    missing = [name for name, default in defaults.items() if default is REQUIRED and name not in given]
    if missing:
        raise InputError(f"{call} needs {' and '.join(missing)}", usage)
    return dict(defaults) | {name: _checked(call, name, value, defaults[name]) for name, value in given.items()}


def suggest(word: str, known: Iterable[str]) -> str:
    """The way out of a misspelt word: the known one that was meant, or else what there is."""
    from difflib import SequenceMatcher

    def likeness(name: str) -> float:
        return SequenceMatcher(None, word[:100].lower(), name.lower()).ratio()

    names = list(known)[:2000]  # comparing is slow, and who has more layers knows their names
    best = max(names, key=likeness, default="")  # of equally close ones the first: Conv2d for Conv
    if best and likeness(best) >= 0.6:
        return f"did you mean {cut(best)!r}?"
    known_names = ", ".join([cut(name) for name in names[:8]] + ["…"] * (len(names) > 8))
    return f"there is: {known_names}" if names else "there is none"


def _is_int(value: object) -> bool:
    return type(value) is int and abs(value) <= MAX_INT


def _is_number(value: object) -> bool:
    return _is_int(value) or (type(value) is float and abs(value) < float("inf"))


def _all(check: Callable[[object], bool], value: object) -> bool:
    return check(value) or (isinstance(value, tuple) and 0 < len(value) <= 8 and all(check(each) for each in value))


_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")

_CHECKS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "int": ("a whole number", _is_int),
    "ints": ("a whole number or a list of them", partial(_all, _is_int)),
    "pads": ('a whole number, a list of them, "same" or "valid"', lambda v: v in ("same", "valid") or _all(_is_int, v)),
    "sizes": ("a whole number or a list of them", partial(_all, lambda v: v is None or _is_int(v))),
    "bool": ("true or false", lambda v: type(v) is bool),
    "number": ("a number", _is_number),
    "numbers": ("a number or a list of them", partial(_all, _is_number)),
    "dtype": ("a dtype such as float16", lambda v: v in DTYPES),
    "mode": (" or ".join(RESIZE_MODES), lambda v: v in tuple(RESIZE_MODES)),
    "padding_mode": (" or ".join(_PADDING_MODES), lambda v: v in _PADDING_MODES),
    "approximate": ("none or tanh", lambda v: v in ("none", "tanh")),
    "momentum": ("a number", lambda v: v is None or _is_number(v)),
    "any": ("", lambda v: True),
}

_KINDS: Mapping[str, str] = {
    name: kind
    for kind, names in {
        "int": "in_channels out_channels groups in_features out_features num_features num_groups num_channels "
        "num_parameters upscale_factor downscale_factor start_dim end_dim dim axis divisor_override "
        "LocalResponseNorm.size",
        "ints": "kernel_size stride padding output_padding dilation normalized_shape size",
        "pads": "Conv1d.padding Conv2d.padding Conv3d.padding",
        "sizes": "output_size",
        "bool": "bias affine elementwise_affine track_running_stats ceil_mode count_include_pad return_indices inplace "
        "align_corners recompute_scale_factor",
        "number": "eps p init alpha beta k threshold value negative_slope min_val max_val min_value max_value",
        "numbers": "scale_factor",
        "dtype": "dtype",
        "mode": "mode",
        "padding_mode": "padding_mode",
        "approximate": "approximate",
        "momentum": "momentum",
        "any": "device",
    }.items()
    for name in names.split()
}
"""What an argument may be, by its name, or by call and name where calls differ; None where that is the default."""


def _checked(call: str, name: str, value: object, default: object) -> object:
    what, check = _CHECKS[_KINDS.get(f"{call}.{name}") or _KINDS[name]]
    if isinstance(value, list):
        value = tuple(value)
    if not (value is None and default is None) and not check(value):
        raise InputError(f"{name}={show(value)} is not {what}")
    if name == "return_indices" and value:
        raise InputError("return_indices=True is not supported", "leave it out")
    return value


def cut(text: str) -> str:
    """A text for an error: made inert, its middle left out if it is long."""
    shown = show_name(text if len(text) <= 200 else f"{text[:100]}…{text[-100:]}")
    return shown if len(shown) <= 60 else f"{shown[:40]}…{shown[-16:]}"


def show(value: object) -> str:
    """A value for an error."""
    try:
        return cut(repr(value))
    except (ValueError, RecursionError):  # thousands of digits or of brackets
        return "what it is given"
