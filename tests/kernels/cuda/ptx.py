"""PTX: a table of the instructions that our kernels compile to, and a reader; all else is an UnknownError."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


class UnknownError(Exception):
    """PTX that is not in the tables here."""


# --- the tables of instructions -------------------------------------------------------------------------------------

TYPES: Mapping[str, np.dtype[Any]] = {
    "pred": np.dtype(bool),
    "f16": np.dtype("f2"),
    "f32": np.dtype("f4"),
    **{
        f"{kind}{bits}": np.dtype(f"{code}{bits // 8}")
        for kind, code in (("b", "u"), ("u", "u"), ("s", "i"))
        for bits in (16, 32, 64)
    },
}


def _same(a: Any) -> Any:
    return a


def _divide(a: Any, b: Any) -> Any:
    """Towards zero."""
    quotient = a // b
    return quotient + ((quotient < 0) & (quotient * b != a)).astype(a.dtype)


def _wide(a: Any, b: Any) -> Any:
    return np.multiply(a, b, dtype=np.dtype(f"{a.dtype.kind}8"))


def _high(a: Any, b: Any) -> Any:
    """The upper half of a product, from those of 32-bit halves (Hacker's Delight, 8-2)."""
    if a.itemsize == 4:
        return _wide(a, b) >> 32
    half = a.dtype.type(0xFFFFFFFF)
    low = ((a & half).astype(np.uint64) * (b & half).astype(np.uint64) >> 32).astype(a.dtype)
    left = (a >> 32) * (b & half) + low
    right = (a & half) * (b >> 32) + (left & half)
    return (a >> 32) * (b >> 32) + (left >> 32) + (right >> 32)


def _fused(a: Any, b: Any, c: Any) -> Any:
    """In float64, rounded from there: twice, which adds up to 2⁻²⁹ of a unit in the last place to one rounding."""
    return np.multiply(a, b, dtype=np.float64) + c


def _select(a: Any, b: Any, condition: Any) -> Any:
    return np.where(condition, a, b)


COMPARISONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}

Row = tuple[Callable[..., Any], str, str]
"""What is computed, the type of the result and those of the operands: t is that of the instruction, w it with 64 bits,
u u32, p pred."""

INTEGER: Mapping[str, Row] = {
    "mov": (_same, "t", "t"),
    "cvta.to.global": (_same, "t", "t"),
    "add": (np.add, "t", "tt"),
    "sub": (np.subtract, "t", "tt"),
    "neg": (np.negative, "t", "t"),
    "mul.lo": (np.multiply, "t", "tt"),
    "mul.hi": (_high, "t", "tt"),
    "mul.wide": (_wide, "w", "tt"),
    "mad.lo": (lambda a, b, c: a * b + c, "t", "ttt"),
    "mad.wide": (lambda a, b, c: _wide(a, b) + c, "w", "ttw"),
    "div": (_divide, "t", "tt"),
    "rem": (lambda a, b: a - _divide(a, b) * b, "t", "tt"),
    "min": (np.minimum, "t", "tt"),
    "max": (np.maximum, "t", "tt"),
    "and": (np.bitwise_and, "t", "tt"),
    "or": (np.bitwise_or, "t", "tt"),
    "xor": (np.bitwise_xor, "t", "tt"),
    "not": (np.invert, "t", "t"),
    "shl": (np.left_shift, "t", "tu"),
    "shr": (np.right_shift, "t", "tu"),
    "selp": (_select, "t", "ttp"),
    **{f"setp.{name}": (compare, "p", "tt") for name, compare in COMPARISONS.items()},
}

FLOAT: Mapping[str, Row] = {
    "mov": (_same, "t", "t"),
    "add": (np.add, "t", "tt"),
    "add.rn": (np.add, "t", "tt"),
    "sub": (np.subtract, "t", "tt"),
    "mul": (np.multiply, "t", "tt"),
    "mul.rn": (np.multiply, "t", "tt"),
    "fma.rn": (_fused, "t", "ttt"),
    "selp": (_select, "t", "ttp"),
}

PREDICATE: Mapping[str, Row] = {
    "mov": (_same, "t", "t"),
    "and": (np.logical_and, "t", "tt"),
    "or": (np.logical_or, "t", "tt"),
    "xor": (np.logical_xor, "t", "tt"),
    "not": (np.logical_not, "t", "t"),
}

TABLES = {"b": INTEGER, "u": INTEGER, "s": INTEGER, "f": FLOAT, "p": PREDICATE}

CONTROL = ("bra", "bra.uni", "bar.sync", "ret")

ACCESS = re.compile(r"(ld|st)\.(param|global|shared)(?:\.v([24]))?\.([busf](?:16|32|64))")

CONVERSION = re.compile(r"cvt\.(?:([us](?:16|32|64))\.([us](?:16|32|64))|(f32)\.(f16)|rn\.(f16)\.(f32))")


def arithmetic(opcode: str) -> tuple[Callable[..., Any], np.dtype[Any], list[np.dtype[Any]]]:
    """What an instruction computes, the type of the result and those of the operands."""
    if found := CONVERSION.fullmatch(opcode):
        target, source = (TYPES[name] for name in found.groups() if name)
        return _same, target, [source]
    name, _, kind = opcode.rpartition(".")
    row = TABLES[kind[0]].get(name) if kind in TYPES and kind != "f16" else None
    if row is None or ("wide" in name and kind[1:] != "32"):
        raise UnknownError(f"{opcode} is not in the tables of instructions")
    compute, result, operands = row
    kinds = {"t": TYPES[kind], "u": TYPES["u32"], "p": TYPES["pred"], "w": TYPES.get(f"{kind[0]}64")}
    return compute, kinds[result], [kinds[letter] for letter in operands]


# --- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Instruction:
    """opcode operands, where `guard` holds: a predicate, with ! before it where it must not, or nothing."""

    guard: str
    opcode: str
    operands: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.opcode} {', '.join(self.operands)}"


@dataclass(frozen=True, slots=True)
class Kernel:
    """One entry of a PTX text."""

    parameters: Mapping[str, int]
    shared: frozenset[str]
    registers: Mapping[str, np.dtype[Any]]
    labels: Mapping[str, int]
    instructions: Sequence[Instruction]


ENTRY = re.compile(r"\.entry\s+[\w$]+\s*\((.*?)\)[^{]*\{(.*)\}", re.DOTALL)
SPACE = " \t\n{}"
"""And the braces of scopes: registers that two of them declare have one type."""

LABEL = re.compile(r"([\w$]+):")
STATEMENT = re.compile(r"(?:@(!?%\w+)\s+)?([\w.]+)\s*(.*?)\s*", re.DOTALL)
OPERAND = re.compile(r"\{[^}]*\}|\[[^]]*\]|[^,\s]+")


def parse(text: str) -> Kernel:
    """The one kernel of a text."""
    text = re.sub(r"//[^\n]*", "", text)
    entry = ENTRY.search(text)
    if entry is None or text.count(".entry") > 1:
        raise UnknownError("a text without a kernel, or with several")
    names = re.findall(r"\.param\s+\.[bus]64\s+([\w$]+)", entry[1])
    shared = re.findall(r"\.extern\s+\.shared\s+\.align\s+\d+\s+\.b8\s+([\w$]+)\[\]", text)
    if entry[1].count(".param") != len(names) or text.count(".shared .align") != len(shared):
        raise UnknownError("a parameter that is not 64 bits wide, or shared memory that the kernel sizes itself")
    registers: dict[str, np.dtype[Any]] = {}
    labels: dict[str, int] = {}
    instructions: list[Instruction] = []
    for statement in entry[2].split(";"):
        rest = statement.lstrip(SPACE)
        while label := LABEL.match(rest):
            labels[label[1]] = len(instructions)
            rest = rest[label.end() :].lstrip(SPACE)
        if declared := re.fullmatch(r"\.reg\s+\.(\w+)\s+(%\w+)(?:<\d+>)?", rest):
            registers[declared[2]] = TYPES[declared[1]]
        elif rest and not rest.startswith(".pragma"):
            guard, opcode, operands = STATEMENT.fullmatch(rest).groups()  # type: ignore[union-attr]
            if opcode == "bar.sync" and operands != "0":
                raise UnknownError(f"bar.sync {operands}, a barrier for some of the threads")
            instructions.append(Instruction(guard or "", opcode, tuple(OPERAND.findall(operands))))
    instructions.append(Instruction("", "ret", ()))
    return Kernel(
        {name: index for index, name in enumerate(names)}, frozenset(shared), registers, labels, tuple(instructions)
    )
