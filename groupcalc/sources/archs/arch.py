"""What an architecture is: its keys, how it is built, and what its paper prints."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from groupcalc.errors import InputError
from groupcalc.graph import Tensor

Size = tuple[int, int]
"""Height and width of an image."""

Value = int | Fraction | Size

_WHOLE = re.compile(r"[0-9]{1,9}")
_DECIMAL = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,6})?")
_SIZE = re.compile(r"([0-9]{1,9})(?:x([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One parameter of an architecture.

    default  its type decides what is read: an int, a Fraction for a multiplier, a Size for an image
    what     in a few words
    most     the largest number; the least is 1, of a multiplier anything above 0
    choices  the only values, where the paper defines no others
    """

    default: Value
    what: str
    most: int = 65_536
    choices: tuple[int, ...] = ()

    def parse(self, name: str, text: str) -> Value:
        """The value of `name=text`; InputError for what is none, or out of range."""
        value = self._read(text)
        numbers = value if isinstance(value, tuple) else (value,)
        if value is None or not all(number is not None and 0 < number <= self.most for number in numbers):
            raise InputError(f"{name}={text} is not {self.expected}", f"write {name}={show_value(self.default)}")
        if self.choices and value not in self.choices:
            raise InputError(f"{name}={text} is none of its values", f"use {', '.join(map(str, self.choices))}")
        return value

    def _read(self, text: str) -> Value | None:
        if isinstance(self.default, Fraction):
            return Fraction(text) if _DECIMAL.fullmatch(text) else None
        if isinstance(self.default, int):
            return int(text) if _WHOLE.fullmatch(text) else None
        sizes = _SIZE.fullmatch(text)
        return (int(sizes[1]), int(sizes[2] or sizes[1])) if sizes else None

    @property
    def expected(self) -> str:
        """What may be written, for a message."""
        kind = "a multiplier above 0 and" if isinstance(self.default, Fraction) else "a whole number from 1"
        if isinstance(self.default, tuple):
            kind = "a size, 224 or 224x192, each number from 1"
        return f"{kind} up to {self.most}"


def show_value(value: Value) -> str:
    """The value as it is typed: `32`, `0.75`, `224`, `224x192`."""
    if isinstance(value, tuple):
        return str(value[0]) if value[0] == value[1] else f"{value[0]}x{value[1]}"
    return str(value) if isinstance(value, int) else f"{float(value):.6f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What a paper prints of a network.

    of       `macs` or `params`
    printed  as it stands there: `4.2 G`, `0.99 M`
    where    the table or section
    keys     of which variant
    op       counts the rows of that operator alone; "" counts all
    reason   why the exact figure does not round to the printed one; "" where it does
    """

    of: str
    printed: str
    where: str
    keys: Mapping[str, Value]
    op: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arch:
    """One architecture.

    title    in some words
    note     what else there is to know, such as its other names
    paper    what defines it
    build    takes a Net, and the keys other than `input` and `batch`; adds the layers and returns what the last writes
    aliases  other names, as patterns whose groups are keys: `resnext50_32x4d`
    """

    name: str
    title: str
    paper: str
    build: Callable[..., Tensor]
    keys: Mapping[str, Key]
    note: str = ""
    aliases: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()


BATCH = Key(default=1, what="images at once", most=2**20)
CLASSES = Key(default=1000, what="outputs of the classifier", most=10**6)


def image(size: int) -> Key:
    """The key `input` with the paper's size."""
    return Key(default=(size, size), what="height and width of the image: 224, or 224x192")


def figure(of: str, printed: str, where: str, *, op: str = "", reason: str = "", **keys: Value) -> Figure:
    """A Figure of the variant with these keys."""
    return Figure(of=of, printed=printed, where=where, keys=keys, op=op, reason=reason)
