"""Seconds, peak memory and exit status of the worst files that anyone could think of. Run by hand:

    python tests/hostile/worst.py [NAME…]

Each file is made by a function below, in a process of its own, and read by `groupcalc analyze` in another. Promised are
20 seconds and 1 GiB, whatever the file; what breaks that is marked.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from time import perf_counter

LIMIT_S, LIMIT_MIB = 20, 1024
KILL_S, KILL_BYTES = 60, 6 * 2**30

MILLION = 10**6
FLOAT, INT64 = 1, 7

FILES: dict[str, Callable[[], bytes]] = {}


def file(make: Callable[[], bytes]) -> Callable[[], bytes]:
    """Enter a file; its suffix stands in front of the function's name."""
    FILES[make.__name__] = make
    return make


# --- the wire format, by hand: a million nodes take a second ----------------------------------------------------------


def varint(value: int) -> bytes:
    digits = []
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])


def entry(number: int, *parts: bytes | str | int) -> bytes:
    """A field: a message or text of these parts, or a number."""
    if isinstance(parts[0], int):
        return varint(number << 3) + varint(parts[0] % 2**64)
    body = b"".join(part.encode() if isinstance(part, str) else part for part in parts if not isinstance(part, int))
    return varint(number << 3 | 2) + varint(len(body)) + body


def attribute(name: str, *, i: int | None = None, s: bytes | None = None, g: bytes | None = None) -> bytes:
    value = entry(3, i) + entry(20, 2) if i is not None else b""
    value += entry(4, s) + entry(20, 3) if s is not None else b""
    value += entry(6, g) + entry(20, 5) if g is not None else b""
    return entry(1, name) + value


def ints(name: str, values: Iterable[int]) -> bytes:
    return entry(1, name) + b"".join(entry(8, value) for value in values) + entry(20, 7)


def node(
    op: str, ins: Iterable[str], outs: Iterable[str], *attributes: bytes, name: str = "", domain: str = ""
) -> bytes:
    """A node, ready to stand in a graph or a function."""
    body = b"".join(entry(1, x) for x in ins) + b"".join(entry(2, y) for y in outs) + entry(4, op)
    body += entry(3, name) if name else b""
    return body + b"".join(entry(5, each) for each in attributes) + (entry(7, domain) if domain else b"")


def info(name: str, dims: Iterable[int | str] = (2, 4), kind: int = FLOAT) -> bytes:
    shape = b"".join(entry(1, entry(2, dim) if isinstance(dim, str) else entry(1, dim)) for dim in dims)
    return entry(1, name) + entry(2, entry(1, entry(1, kind) + entry(2, shape)))


def tensor(name: str, dims: Iterable[int], kind: int = FLOAT, raw: bytes = b"") -> bytes:
    return b"".join(entry(1, dim) for dim in dims) + entry(2, kind) + entry(8, name) + (entry(9, raw) if raw else b"")


def graph(
    nodes: Iterable[bytes], stored: Iterable[bytes] = (), ins: Iterable[bytes] = (), outs: Iterable[str] = ("y",)
) -> bytes:
    body = b"".join(entry(1, each) for each in nodes) + b"".join(entry(5, each) for each in stored)
    return body + b"".join(entry(11, each) for each in ins) + b"".join(entry(12, entry(1, name)) for name in outs)


def model(main: bytes, functions: Iterable[bytes] = (), opsets: Iterable[bytes] = ()) -> bytes:
    imports = [entry(1, "") + entry(2, 21), entry(1, "f") + entry(2, 1), *opsets]
    body = entry(1, 10) + entry(7, main) + b"".join(entry(8, each) for each in imports)
    return body + b"".join(entry(25, each) for each in functions)


def function(name: str, nodes: Iterable[bytes], ins: Iterable[str] = ("x",), outs: Iterable[str] = ("y",)) -> bytes:
    body = entry(1, name) + b"".join(entry(4, x) for x in ins) + b"".join(entry(5, y) for y in outs)
    opsets = entry(9, entry(1, "") + entry(2, 21)) + entry(9, entry(1, "f") + entry(2, 1))
    return body + b"".join(entry(7, each) for each in nodes) + opsets + entry(10, "f")


def plain(nodes: Iterable[bytes], stored: Iterable[bytes] = (), outs: Iterable[str] = ("y",)) -> bytes:
    """A model with one input x of 2×4."""
    return model(graph(nodes, stored, [info("x")], outs))


def chain(op: str, count: int, *attributes: bytes, domain: str = "") -> Iterable[bytes]:
    """Nodes one behind the other, from x to y."""
    names = ["x", *(f"{place:x}" for place in range(count - 1)), "y"]
    return (node(op, [x], [y], *attributes, domain=domain) for x, y in pairwise(names))


# --- many of a thing --------------------------------------------------------------------------------------------------


@file
def a_million_nodes() -> bytes:
    return plain(chain("Relu", MILLION))


@file
def a_million_nodes_without_a_rule() -> bytes:
    return plain(chain("Foo", MILLION, domain="acme"))


MOST = 100_000
"""The most nodes that are read."""


@file
def as_many_nodes_as_are_read() -> bytes:
    return plain(chain("Relu", MOST))


@file
def as_many_nodes_without_a_rule() -> bytes:
    return plain(chain("Foo", MOST, domain="acme"))


@file
def as_many_nodes_each_of_its_own_shape() -> bytes:
    """Nothing that was found for one helps with the next."""
    starts = [node("Constant", [], ["n"], attribute("value_int", i=1))]
    convs = [
        node(
            "Conv",
            ["x", f"w{place}"],
            [f"y{place}"],
            ints("pads", [place % 1000, place // 1000] * 2),
            name=f"/{place}/Conv",
        )
        for place in range(MOST - 1)
    ]
    stored = [tensor(f"w{place}", [8, 4, 1, 1]) for place in range(MOST - 1)]
    return model(graph([*starts, *convs], stored, [info("x", [1, 4, 8, 8])], [f"y{MOST - 2}"]))


@file
def as_many_computed_shapes() -> bytes:
    names = ["s", *(f"{place:x}" for place in range(MOST - 2)), "y"]
    return plain([node("Shape", ["x"], ["s"]), *(node("Add", [a, "s"], [b]) for a, b in pairwise(names))][:MOST])


@file
def as_many_calls() -> bytes:
    names = ["x", *(f"{place:x}" for place in range(MOST - 1)), "y"]
    calls = (called("f0", [a], [b]) for a, b in pairwise(names))
    return model(graph(calls, (), [info("x")]), [function("f0", [node("Relu", ["x"], ["y"])])])


@file
def a_million_empty_nodes() -> bytes:
    return plain([b""] * MILLION)


@file
def eight_million_empty_nodes() -> bytes:
    return plain([b""] * (2**23 - 100))


@file
def a_million_empty_attributes() -> bytes:
    return plain([node("Relu", ["x"], ["y"], *[b""] * MILLION)])


@file
def ten_million_numbers_in_an_attribute() -> bytes:
    return plain([node("MaxPool", ["x"], ["y"], ints("kernel_shape", [1] * (10 * MILLION)))])


def packed(name: str, count: int) -> bytes:
    """Ones in one piece."""
    return entry(1, name) + entry(8, b"\1" * count) + entry(20, 7)


@file
def thirty_million_numbers_in_a_list() -> bytes:
    return plain([node("MaxPool", ["x"], ["y"], packed("kernel_shape", 30 * MILLION))])


@file
def thirty_million_numbers_in_a_constant() -> bytes:
    return plain([node("Constant", [], ["y"], packed("value_ints", 30 * MILLION))])


@file
def two_hundred_million_numbers_in_lists() -> bytes:
    return plain(chain("Relu", 50_000, packed("a", 4000)))


@file
def a_million_weights() -> bytes:
    return plain(chain("Relu", 1), [tensor(f"w{place}", [3]) for place in range(MILLION)])


@file
def a_million_weights_that_are_read() -> bytes:
    names = [f"w{place}" for place in range(MILLION)]
    return plain([node("Add", ["x", name], [f"{name}y"]) for name in names], [tensor(name, [4]) for name in names])


@file
def a_million_damaged_weights() -> bytes:
    names = [f"w{place}" for place in range(MILLION // 4)]
    stored = [tensor(name, [4], raw=b"123") for name in names]
    return plain([node("Add", ["x", name], [f"{name}y"]) for name in names], stored)


@file
def a_million_inputs() -> bytes:
    return model(graph(chain("Relu", 1), (), [info("x"), *(info(f"x{place}") for place in range(MILLION))]))


@file
def a_million_unknown_dimensions() -> bytes:
    dims = ([f"n{place}.{axis}" for axis in range(4)] for place in range(MILLION // 4))
    return model(graph(chain("Relu", 1), (), [info("x"), *(info(f"x{place}", dim) for place, dim in enumerate(dims))]))


@file
def a_million_outputs() -> bytes:
    return plain(chain("Relu", 1), (), ["y"] * MILLION)


@file
def a_million_declared_values() -> bytes:
    main = graph(chain("Relu", 1), (), [info("x")])
    return model(main + b"".join(entry(13, info(f"v{place}")) for place in range(MILLION)))


@file
def a_million_functions() -> bytes:
    functions = (function(f"f{place}", [node("Relu", ["x"], ["y"])]) for place in range(MILLION // 4))
    return model(graph([node("f7", ["x"], ["y"], domain="f")], (), [info("x")]), functions)


@file
def a_million_operator_sets() -> bytes:
    opsets = (entry(1, f"d{place}") + entry(2, 1) for place in range(MILLION))
    return model(graph(chain("Relu", 3), (), [info("x")]), (), opsets)


@file
def a_million_notes() -> bytes:
    data = plain(chain("Relu", 1))
    return data + b"".join(entry(14, entry(1, f"k{place}") + entry(2, "v")) for place in range(MILLION))


# --- wide and long ----------------------------------------------------------------------------------------------------


@file
def a_concat_of_a_million() -> bytes:
    return plain([node("Concat", ["x"] * MILLION, ["y"], attribute("axis", i=0))])


@file
def a_concat_of_a_hundred_thousand_layers() -> bytes:
    names = [f"{place:x}" for place in range(MOST - 1)]
    return plain(
        [*(node("Relu", ["x"], [name]) for name in names), node("Concat", names, ["y"], attribute("axis", i=0))]
    )


@file
def a_thousand_sums_of_ten_thousand() -> bytes:
    names = ["x", *(f"{place:x}" for place in range(1000))]
    pairs = pairwise(names)
    return plain([node("Sum", [x] * 10_000, [y]) for x, y in pairs])


@file
def a_split_into_a_million() -> bytes:
    names = [f"{place:x}" for place in range(MILLION)]
    split = node("Split", ["x"], names, attribute("axis", i=0), attribute("num_outputs", i=MILLION))
    return model(graph([split], (), [info("x", [MILLION, 4])]))


@file
def splits_into_as_much_as_is_read() -> bytes:
    names = [[f"{group}.{place}" for place in range(39_999)] for group in range(10)]
    nodes = [node("Split", ["x"], each, attribute("axis", i=0), attribute("num_outputs", i=39_999)) for each in names]
    return model(graph(nodes, (), [info("x", [39_999, 4])], ["0.0"]))


@file
def an_einsum_of_a_million_letters() -> bytes:
    return plain([node("Einsum", ["x"], ["y"], attribute("equation", s=b"a" * MILLION + b"!"))])


@file
def an_einsum_of_a_million_terms() -> bytes:
    return plain(
        [node("Einsum", ["x"] * MILLION, ["y"], attribute("equation", s=b",".join([b"ab"] * MILLION) + b"->ab"))]
    )


@file
def an_einsum_of_sixty_letters() -> bytes:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    term, dims = letters.encode(), [2] * len(letters)
    nodes = [node("Einsum", ["x", "x"], [f"y{i}"], attribute("equation", s=term + b"," + term)) for i in range(10_000)]
    return model(graph(nodes, (), [info("x", dims)]))


@file
def names_of_a_megabyte() -> bytes:
    names = ["x", *(f"{place:x}" * 250_000 for place in range(100)), "y"]
    return plain(node("Relu", [x], [y], name=x * 2) for x, y in pairwise(names))


@file
def a_name_of_three_hundred_megabytes() -> bytes:
    return plain([node("Relu", ["x"], ["y"], name="\x1b" * 300 * MILLION)])


@file
def a_long_name_around_many_nodes() -> bytes:
    branch = graph(chain("Relu", 20_000))
    outer = node(
        "If", ["on"], ["y"], *(attribute(f"{n}_branch", g=branch) for n in ("then", "else")), name="n" * MILLION
    )
    return model(graph([outer], (), [info("x"), info("on", (), 9)]))


@file
def operators_of_a_megabyte() -> bytes:
    names = ["x", *(f"{place:x}" for place in range(99)), "y"]
    return plain(node(f"{x}" * MILLION, [x], [y], domain=y) for x, y in pairwise(names))


@file
def sixty_five_dimensions() -> bytes:
    return model(graph(chain("Relu", 1), (), [info("x", [1] * 65)]))


@file
def a_million_dimensions() -> bytes:
    return model(graph(chain("Relu", 1), (), [info("x", [1] * MILLION)]))


@file
def a_weight_of_a_million_dimensions() -> bytes:
    return plain([node("Add", ["x", "w"], ["y"])], [tensor("w", [2**62] * MILLION)])


@file
def the_largest_dimensions() -> bytes:
    nodes = [node("MatMul", ["x", "w"], ["y"]), node("Expand", ["x", "s"], ["z"])]
    shape = tensor("s", [2], INT64, (2**63 - 1).to_bytes(8, "little") * 2)
    return model(graph(nodes, [tensor("w", [1, 2**63 - 1]), shape], [info("x", [2**31, 1])]))


# --- deep -------------------------------------------------------------------------------------------------------------


def nested(depth: int, wrap: Callable[[bytes], bytes], main: bytes) -> bytes:
    for _ in range(depth):
        main = wrap(main)
    return main


def branches(main: bytes) -> bytes:
    return graph([node("If", ["on"], ["y"], attribute("then_branch", g=main), attribute("else_branch", g=main))])


@file
def branches_twelve_deep() -> bytes:
    """Both branches hold both branches: 2^12 ends."""
    main = nested(12, branches, graph([node("Relu", ["x"], ["y"])]))
    return model(main + entry(11, info("x")) + entry(11, info("on", (), 9)))


@file
def branches_thirty_deep() -> bytes:
    """Only one of each two goes on."""

    def wrap(main: bytes) -> bytes:
        end = graph([node("Relu", ["x"], ["y"])])
        return graph([node("If", ["on"], ["y"], attribute("then_branch", g=main), attribute("else_branch", g=end))])

    main = nested(30, wrap, graph(chain("Relu", 10_000)))
    return model(main + entry(11, info("x")) + entry(11, info("on", (), 9)))


@file
def branches_a_thousand_deep() -> bytes:
    def wrap(main: bytes) -> bytes:
        return graph([node("If", ["on"], ["y"], attribute("then_branch", g=main))])

    main = nested(1000, wrap, graph([node("Relu", ["x"], ["y"])]))
    return model(main + entry(11, info("x")) + entry(11, info("on", (), 9)))


def loop_of(body: Iterable[bytes], trips: str = "n", name: str = "") -> bytes:
    """A loop that carries x; its body makes b_y of b_x."""
    main = graph(body, (), [info("i", (), INT64), info("c", (), 9), info("x")], ["c", "y"])
    return node("Loop", [trips, "", "x"], ["y"], attribute("body", g=main), name=name)


def counted(nodes: Iterable[bytes], trips: int) -> bytes:
    return model(graph(nodes, [tensor("n", [], INT64, trips.to_bytes(8, "little"))], [info("x")]))


@file
def a_loop_of_2_to_the_62() -> bytes:
    return counted([loop_of([node("Relu", ["x"], ["y"])])], 2**62)


@file
def loops_thirty_deep() -> bytes:
    body = node("Relu", ["x"], ["y"])
    for _ in range(30):
        body = loop_of([body])
    return counted([body], 2**62)


GROWING = node("Concat", ["x", "x"], ["y"], attribute("axis", i=0))


@file
def a_loop_whose_value_doubles() -> bytes:
    return counted([loop_of([GROWING])], 1000)


def inner_growing(depth: int) -> bytes:
    """Every level adds a row, so that every trip of every level has another shape."""
    one = node("Slice", ["x", "zero", "one"], ["s"])
    body = [one, node("Concat", ["x", "s"], ["y"], attribute("axis", i=0))]
    for _ in range(depth - 1):
        body = [loop_of(body)]
    return loop_of(body)


@file
def growing_loops_three_deep() -> bytes:
    numbers = {"n": 1000, "zero": 0, "one": 1}
    stored = [tensor("n", [], INT64, (1000).to_bytes(8, "little"))]
    stored += [tensor(k, [1], INT64, v.to_bytes(8, "little")) for k, v in numbers.items() if k != "n"]
    return model(graph([inner_growing(3)], stored, [info("x")]))


@file
def a_thousand_growing_loops() -> bytes:
    names = ["x", *(f"{place:x}" for place in range(999)), "y"]
    stored = [tensor("n", [], INT64, (1000).to_bytes(8, "little"))]
    stored += [tensor(k, [1], INT64, v.to_bytes(8, "little")) for k, v in (("zero", 0), ("one", 1))]
    body = graph(
        [node("Slice", ["b", "zero", "one"], ["s"]), node("Concat", ["b", "s"], ["e"], attribute("axis", i=0))],
        (), [info("i", (), INT64), info("c", (), 9), info("b")], ["c", "e"],
    )  # fmt: skip
    nodes = [node("Loop", ["n", "", a], [b], attribute("body", g=body)) for a, b in pairwise(names)]
    return model(graph(nodes, stored, [info("x")]))


@file
def scans_thirty_deep() -> bytes:
    def wrap(main: bytes) -> bytes:
        body = main + entry(11, info("x"))
        return graph([node("Scan", ["x"], ["y"], attribute("num_scan_inputs", i=1), attribute("body", g=body))])

    main = nested(30, wrap, graph([node("Relu", ["x"], ["y"])]))
    return model(main + entry(11, info("x", [2] * 40)))


# --- functions --------------------------------------------------------------------------------------------------------


def called(name: str, ins: Iterable[str] = ("x",), outs: Iterable[str] = ("y",), at: str = "") -> bytes:
    return node(name, ins, outs, name=at, domain="f")


@file
def two_to_the_40_calls() -> bytes:
    functions = [
        function(f"f{n}", [called(f"f{n + 1}", ["x"], ["h"]), called(f"f{n + 1}", ["h"], ["y"])]) for n in range(40)
    ]
    functions.append(function("f40", [node("Relu", ["x"], ["y"])]))
    return model(graph([called("f0")], (), [info("x")]), functions)


@file
def two_to_the_40_calls_in_branches() -> bytes:
    functions = []
    for n in range(40):
        inner = graph([called(f"f{n + 1}", ["x", "on"])])
        branch = node("If", ["on"], ["y"], attribute("then_branch", g=inner), attribute("else_branch", g=inner))
        functions.append(function(f"f{n}", [branch], ["x", "on"]))
    functions.append(function("f40", [node("Relu", ["x"], ["y"])], ["x", "on"]))
    return model(graph([called("f0", ["x", "on"])], (), [info("x"), info("on", (), 9)]), functions)


@file
def a_function_called_99_999_times_by_one_name() -> bytes:
    names = ["x", *(f"{place:x}" for place in range(49_999)), "y"]
    calls = (called("f0", [a], [b], at="same") for a, b in pairwise(names))
    return model(graph(calls, (), [info("x")]), [function("f0", [node("Relu", ["x"], ["y"])])])


@file
def a_function_called_a_million_times() -> bytes:
    names = ["x", *(f"{place:x}" for place in range(MILLION - 1)), "y"]
    calls = (called("f0", [a], [b]) for a, b in pairwise(names))
    return model(graph(calls, (), [info("x")]), [function("f0", [node("Relu", ["x"], ["y"])])])


@file
def functions_that_change_the_shape_2_to_the_40_times() -> bytes:
    """Each call has an argument of another shape, so that nothing can be kept of the one before."""
    double = node("Concat", ["x", "x"], ["h"], attribute("axis", i=0))
    functions = [
        function(f"f{n}", [called(f"f{n + 1}", ["x"], ["g"]), double, called(f"f{n + 1}", ["h"], ["y"])])
        for n in range(40)
    ]
    functions.append(function("f40", [node("Relu", ["x"], ["y"])]))
    return model(graph([called("f0")], (), [info("x")]), functions)


@file
def functions_a_hundred_thousand_deep() -> bytes:
    functions = [function(f"f{n}", [called(f"f{n + 1}")]) for n in range(100_000)]
    functions.append(function("f100000", [node("Relu", ["x"], ["y"])]))
    return model(graph([called("f0")], (), [info("x")]), functions)


@file
def a_function_with_a_million_nodes_called_twice() -> bytes:
    body = function("f0", chain("Relu", MILLION))
    return model(graph([called("f0", ["x"], ["h"]), called("f0", ["h"], ["y"])], (), [info("x")]), [body])


# --- arithmetic on shapes ---------------------------------------------------------------------------------------------


@file
def half_a_million_computed_shapes() -> bytes:
    names = ["s", *(f"{place:x}" for place in range(MILLION // 2)), "y"]
    adds = (node("Add", [a, "s"], [b]) for a, b in pairwise(names))
    return plain([node("Shape", ["x"], ["s"]), *adds])


@file
def a_hundred_thousand_values_of_4096() -> bytes:
    stored = tensor("w", [4096], INT64, bytes(8 * 4096))
    names = ["s", *(f"{place:x}" for place in range(MOST - 2)), "y"]
    adds = (node("Add", [a, "s"], [b]) for a, b in pairwise(names))
    shape = tensor("n", [1], INT64, (4096).to_bytes(8, "little"))
    return plain([node("ConstantOfShape", ["n"], ["s"]), *adds], [stored, shape])


@file
def a_tile_of_2_to_the_62() -> bytes:
    stored = [tensor("n", [2], INT64, (2**30).to_bytes(8, "little") * 2), tensor("k", [1, 1], INT64, bytes(8))]
    return plain([node("Tile", ["k", "n"], ["t"]), node("Range", ["z", "e", "o"], ["r"])], [
        *stored, tensor("z", [], INT64, bytes(8)), tensor("e", [], INT64, (2**62).to_bytes(8, "little")),
        tensor("o", [], INT64, (1).to_bytes(8, "little")),
    ])  # fmt: skip


# --- sequences --------------------------------------------------------------------------------------------------------


@file
def sequences_of_4096_a_hundred_times() -> bytes:
    body = graph([node("Relu", ["e"], ["f"])], (), [info("e", [1, 4])], ["f"])
    nodes = [node("SplitToSequence", ["x"], ["s0"], attribute("axis", i=0))]
    nodes += [node("SequenceMap", [f"s{n}"], [f"s{n + 1}"], attribute("body", g=body)) for n in range(100)]
    return model(graph(nodes, (), [info("x", [4096, 4])]))


@file
def a_sequence_that_grows_a_hundred_thousand_times() -> bytes:
    nodes = [node("SequenceConstruct", ["x"], ["s0"])]
    nodes += [node("SequenceInsert", [f"s{n}", "x"], [f"s{n + 1}"]) for n in range(100_000)]
    return plain(nodes)


# --- layer files ------------------------------------------------------------------------------------------------------


@file
def toml_a_key_of_a_million_parts() -> bytes:
    return b"schema = 1\n" + b"a." * MILLION + b"a = 1\n"


@file
def toml_a_table_of_a_million_parts() -> bytes:
    return b"schema = 1\n[" + b"a." * MILLION + b"a]\n"


@file
def toml_a_name_of_eight_megabytes() -> bytes:
    name = b"n" * 8 * MILLION
    return b'schema = 1\nlayer = [{op = "ReLU", name = "%s", input = [4]}, {op = "ReLU", input = "m"}]\n' % name


@file
def toml_a_hundred_thousand_layers() -> bytes:
    return b"schema = 1\n" + b'[[layer]]\nop = "Linear"\nin_features = 4\nout_features = 4\ninput = [4]\n' * 100_000


@file
def toml_a_concat_of_two_million() -> bytes:
    return b'schema = 1\nlayer = [{op = "ReLU", name = "a", input = [4]}, {op = "Concat", input = [%s]}]\n' % (
        b'"a",' * 2 * MILLION
    )


@file
def toml_a_bad_layer_at_the_end() -> bytes:
    return b"schema = 1\nlayers = [\n" + b'"ReLU() @ 4",\n' * 99_999 + b'"RLU()"]\n'


@file
def toml_an_array_of_four_million() -> bytes:
    return b"schema = 1\na = [" + b"1," * (2**22 - 20) + b"]"


@file
def toml_a_million_tables() -> bytes:
    return b"".join(b"[a%d]\n" % place for place in range(MILLION))


@file
def json_a_hundred_thousand_deep() -> bytes:
    return b'{"schema": 1, "x": ' + b"[" * 100_000


@file
def json_a_million_keys() -> bytes:
    return b'{"schema": 1, "layer": [{"op": "ReLU", %s "input": [4]}]}' % b"".join(
        b'"k%d": 1, ' % place for place in range(MILLION)
    )


@file
def txt_a_hundred_thousand_lines() -> bytes:
    return b"Conv2d(8, 8, 3, padding=1) @ 8x8\n" * 100_000


@file
def txt_eight_megabytes_of_brackets() -> bytes:
    return b"(" * (2**23 - 1)


# --- running them -----------------------------------------------------------------------------------------------------


def main() -> None:
    """Print the table."""
    wanted = sys.argv[1:] or list(FILES)
    say(f"{'':52}{'file':>10}{'seconds':>9}{'peak':>10}  exit")
    with TemporaryDirectory() as folder:
        for name in wanted:
            kind = name.partition("_")[0]
            path = Path(folder) / f"{name}.{kind if kind in ('toml', 'json', 'txt') else 'onnx'}"
            # Another process makes it: the peak of a child counts from what its parent holds when it starts.
            maker = get_context("spawn").Process(target=make, args=(name, path))
            maker.start()
            maker.join()
            if path.exists():
                say(f"{name.replace('_', ' '):52}{path.stat().st_size / 2**20:6.1f} MiB{measured(path)}")
                path.unlink()


def make(name: str, path: Path) -> None:
    path.write_bytes(FILES[name]())


def measured(path: Path) -> str:
    """A row: seconds, peak memory, exit status, the first error, and what is wrong with it."""
    start = perf_counter()
    command = [sys.executable, "-m", "groupcalc", "analyze", str(path), "-o", "csv:/dev/null", "-o", "table"]
    with (path.parent / "out").open("wb") as out, (path.parent / "err").open("wb") as err:
        child = subprocess.Popen(command, stdout=out, stderr=err, preexec_fn=bounded)
        timer = Timer(KILL_S, child.kill)
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        timer.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds, peak = perf_counter() - start, usage.ru_maxrss // 1024
    said = (path.parent / "err").read_bytes()
    faults = ["SLOW"] * (seconds > LIMIT_S) + ["LARGE"] * (peak > LIMIT_MIB)
    faults += ["CRASH"] * (child.returncode not in (0, 2)) + ["BUG"] * (
        b"internal error" in said or b"Traceback" in said
    )
    line = said.splitlines()[0].decode() if said else ""
    shown = f"{line.rpartition(str(path))[2][:70]}" if line else ""
    return f"{seconds:9.1f}{peak:6} MiB{child.returncode:6}  {' '.join(faults)} {shown}"


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (KILL_BYTES, KILL_BYTES))


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
