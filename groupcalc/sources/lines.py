"""Layer lines: `[NAME =] CALL [@ SIZE] [*N]`, CALL being a torch.nn call as `print(model)` shows it; nothing is run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from groupcalc.errors import InputError
from groupcalc.sources.arguments import MAX_INT, bind, cut
from groupcalc.sources.calls import CALLS, Call, Entry, find_call

if TYPE_CHECKING:
    import ast

T = TypeVar("T", int, float)

MAX_LINE = 4096
MAX_REPEAT = 1_000_000

# Possessive or atomic throughout: it matches almost any text, in linear time, and its pieces are judged one by one.
# The call reaches to the last bracket that closes in front of @ and #; without one, to the first * as well.
_LINE = re.compile(
    r"""\s*+ (?: \( (?P<module>[^()=@#*]*+) \) \s*+ : | (?P<name>[^()=@#*]*+) = )?+
    (?P<call> (?> [^@#]* \) ) | [^@#*]*+ ) \s*+
    (?: @ (?P<size>[^*#]*+) )?+ (?: \* (?P<repeat>[^#]*+) )?+ (?: \# .*+ )?+""",
    re.VERBOSE | re.DOTALL,
)
_HEAD = re.compile(r"(?:[A-Za-z_]\w*+\.)*+([A-Za-z_]\w*+)\s*+\(")
_SUFFIX = re.compile(r"\.[A-Za-z]\w*$")
_SIZE = re.compile(r"[0-9]{1,19}(?:\s?[x×]\s?[0-9]{1,19}){0,7}")
_NUMBER = re.compile(r"[0-9]+")
_REPEAT = re.compile(r"[0-9]{1,7}")

WORDS = frozenset({"same", "valid", "zeros", "reflect", "replicate", "circular"})
"""Strings that torch prints without quotes."""

GRAMMAR = "write [NAME =] CALL [@ SIZE] [*N], as Conv2d(3, 64, 3, padding=1) @ 56x56"


def looks_like_layer(text: str) -> bool:
    """Whether an input of the command line is meant as a layer line, right or wrong, and not as a path.

    `NAME(…)` with anything before and behind it that a line may have; a known call even if it is not closed.
    `resnet(1).onnx` is a path.
    """
    parts = _LINE.fullmatch(text[: MAX_LINE + 1])
    if parts is None:
        return False
    call = parts["call"].strip()
    head = _HEAD.match(call)
    return head is not None and (call.endswith(")") or (head[1] in CALLS and not _SUFFIX.search(call)))


def is_blank(line: str) -> bool:
    """Nothing, or only a comment."""
    return not line.partition("#")[0].strip()


def parse_line(line: str) -> Entry:
    """One layer line; InputError says what is wrong with it."""
    if len(line) > MAX_LINE:
        raise InputError(f"the line has {len(line):,} characters", f"use at most {MAX_LINE:,}")
    parts = _LINE.fullmatch(line)
    if parts is None:
        raise InputError("this is not a layer", GRAMMAR)
    name = parts["module"] if parts["name"] is None else parts["name"]
    if name is not None and not name.strip():
        raise InputError("the name in front of the layer is empty", GRAMMAR)
    call, positional, named = _parse_call(parts["call"].strip())
    return Entry(
        name=(name or "").strip(),
        call=call,
        arguments=bind(call.name, call.signature, positional, named),
        inputs=("prev",) if parts["size"] is None else (parse_size(parts["size"].strip()),),
        repeat=1 if parts["repeat"] is None else _parse_repeat(parts["repeat"].strip()),
    )


def parse_size(text: str) -> tuple[int, ...]:
    """`1x3x224x224` -> the numbers."""
    if not _SIZE.fullmatch(text):
        raise InputError(f"@ {cut(text)!r} is not a size", "write numbers joined by x, as @ 56x56")
    return tuple(map(int, _NUMBER.findall(text)))


def _parse_repeat(text: str) -> int:
    if not _REPEAT.fullmatch(text) or not 1 <= int(text) <= MAX_REPEAT:
        raise InputError(f"{cut(text)!r} behind * is not a count", f"end the line with *1 to *{MAX_REPEAT}")
    return int(text)


def _parse_call(text: str) -> tuple[Call, list[object], list[tuple[str, object]]]:
    """The call, and its arguments by position and by name, literals all; nothing is run."""
    import ast
    import warnings

    if not _HEAD.match(text):
        raise InputError(f"{cut(text)!r} is not a layer", GRAMMAR)
    try:
        with warnings.catch_warnings():  # Python's opinions on the text are not for our reader
            warnings.simplefilter("ignore")
            node = ast.parse(text, mode="eval").body
        if not isinstance(node, ast.Call):
            raise InputError(f"{cut(text)!r} is not a call", GRAMMAR)
        call = find_call(_dotted(node.func))
        positional = [_literal(argument) for argument in node.args]
        named = [(word.arg or "**", _literal(word.value)) for word in node.keywords]
    except SyntaxError as error:
        raise InputError(f"cannot read {cut(text)!r}: {error.msg}", GRAMMAR) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"cannot read {cut(text)!r}: it is too deep or holds what is no text", GRAMMAR) from error
    return call, positional, named


def _dotted(node: ast.expr) -> str:
    import ast

    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise InputError(f"{cut(ast.unparse(node))!r} is not a name", GRAMMAR)
    return ".".join([node.id, *reversed(names)])


def _literal(node: ast.expr) -> object:
    """Numbers, texts, booleans, None, lists of them, and the words that torch prints bare."""
    import ast

    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return _bounded(value) if isinstance(value, int | float) else value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -_bounded(number)
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(_literal(item) for item in items)
        case ast.Name(id=word) if word in WORDS:
            return word
        case ast.Attribute(value=ast.Name(id="torch"), attr=dtype):
            return dtype
    raise InputError(f"{cut(ast.unparse(node))!r} is not a plain value", "give numbers, booleans, texts or tuples")


def _bounded(number: T) -> T:
    if not abs(number) <= MAX_INT:
        raise InputError("a number is beyond 2^63", "use a smaller one")
    return number
