"""Arithmetic between the names of dimensions: exporters write `past + seq`, `2*h` or `floor(w/2)` for a size."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

from groupcalc.errors import GeometryError
from groupcalc.graph import MAX_ELEMENTS
from groupcalc.units import show_name

MAX_TEXT = 200
"""Characters of the longest name that is read as arithmetic."""

OPERATORS: Mapping[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: lambda a, b: a % b,
}

FUNCTIONS: Mapping[str, Callable[..., Fraction]] = {
    **dict.fromkeys(("floor", "TruncToInt"), lambda a: Fraction(floor(a))),
    **dict.fromkeys(("ceil", "ceiling", "CeilToInt"), lambda a: Fraction(ceil(a))),
    **dict.fromkeys(("max", "Max"), max),
    **dict.fromkeys(("min", "Min"), min),
    "FloorDiv": lambda a, b: Fraction(a // b),
    "CeilDiv": lambda a, b: Fraction(-(-a // b)),
    "IntTrueDiv": lambda a, b: a / b,
    "Mod": lambda a, b: a % b,
}
"""As PyTorch prints them; each takes what it says and nothing else."""


def names(symbol: str) -> frozenset[str]:
    """The names in the arithmetic that a symbol is; none when it is a name itself, or anything else."""
    tree = _parsed(symbol)
    if tree is None or isinstance(tree, ast.Name):
        return frozenset()
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called)


def size_of(symbol: str, sizes: Mapping[str, int]) -> int | None:
    """What a symbol stands for, by itself or by arithmetic; None while a name in it has no size.

    Raises GeometryError where the arithmetic comes to no size.
    """
    return sizes[symbol] if symbol in sizes else computed(symbol, sizes)


def computed(symbol: str, sizes: Mapping[str, int]) -> int | None:
    """What the arithmetic of a symbol comes to; None when it is none, or a name in it has no size."""
    needed = names(symbol)
    if not needed or not needed <= sizes.keys():
        return None
    tree = _parsed(symbol)
    assert tree is not None
    try:
        value = _value(tree, sizes)
    except ArithmeticError:
        value = Fraction(-1)
    if value.denominator != 1 or not 0 <= value <= MAX_ELEMENTS:
        given = ", ".join(f"{name}={sizes[name]}" for name in sorted(needed))
        raise GeometryError(f"dimension '{show_name(symbol)}' is no size with {given}", "give other sizes")
    return int(value)


@lru_cache(maxsize=4096)
def _parsed(symbol: str) -> ast.expr | None:
    """A symbol as arithmetic; None when it is none."""
    if len(symbol) > MAX_TEXT:
        return None
    try:
        with warnings.catch_warnings():  # Python has opinions on numbers that touch words
            warnings.simplefilter("ignore")
            tree = ast.parse(symbol, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    return tree if _is_arithmetic(tree) else None


def _is_arithmetic(tree: ast.expr) -> bool:
    match tree:
        case ast.Name():
            return True
        case ast.Constant(value=value):
            return type(value) is int and value <= MAX_ELEMENTS
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _is_arithmetic(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=power)):
            return type(power) is int and 0 <= power <= 8 and _is_arithmetic(left)
        case ast.BinOp(left=left, op=op, right=right):
            return type(op) in OPERATORS and _is_arithmetic(left) and _is_arithmetic(right)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            arity = 1 if name in ("floor", "ceil", "ceiling", "TruncToInt", "CeilToInt") else 2
            is_open = name in ("max", "Max", "min", "Min")
            fits = len(args) >= 2 if is_open else len(args) == arity
            return name in FUNCTIONS and fits and all(map(_is_arithmetic, args))
    return False


def _value(tree: ast.expr, sizes: Mapping[str, int]) -> Fraction:
    match tree:
        case ast.Name(id=name):
            return Fraction(sizes[name])
        case ast.Constant(value=int(value)):
            return Fraction(value)
        case ast.UnaryOp(operand=operand):
            return -_value(operand, sizes)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))):
            return _within(_value(left, sizes) ** power)
        case ast.BinOp(left=left, op=op, right=right):
            return _within(OPERATORS[type(op)](_value(left, sizes), _value(right, sizes)))
        case ast.Call(func=ast.Name(id=name), args=args):
            return FUNCTIONS[name](*(_value(arg, sizes) for arg in args))
    raise ArithmeticError


def _within(value: Fraction) -> Fraction:
    """Numbers on the way to a size are no longer than sizes are, some products aside."""
    if max(abs(value.numerator), value.denominator) > MAX_ELEMENTS**8:
        raise ArithmeticError
    return value
