"""A whole network in its own runtime: each node that ran beside the layers that it computes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groupcalc.bench.apart import apart
from groupcalc.costs.cost import GraphCost, LayerCost
from groupcalc.costs.roofline import Estimate
from groupcalc.sources.onnx.wiring import Node

if TYPE_CHECKING:  # it brings onnxruntime, which is for a process of its own
    from groupcalc.bench.backends.profile import Profile, Timed

BLOCKED = "_nchwc"
"""Behind the name of a tensor: the node that onnxruntime puts in the place of those that computed it."""

FUSED = {"FusedConv": "Conv", "FusedGemm": "Gemm", "FusedMatMul": "MatMul"}
"""What a fused node of onnxruntime was at first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A node that ran.

    rows     of the network that it computes, in their order; none for a node that onnxruntime inserted
    main     the one of them that has the arithmetic
    seconds  mean of a run
    """

    name: str
    op: str
    seconds: float
    rows: tuple[LayerCost, ...] = ()
    fused: tuple[str, ...] = ()

    @property
    def main(self) -> LayerCost | None:
        """The row with the most multiply-adds, else the first."""
        return max(self.rows, key=lambda row: row.cost.macs, default=None)

    @property
    def inserted(self) -> bool:
        """Nothing of the network: a layout reorder, a copy."""
        return not self.rows and not self.fused

    @property
    def estimate(self) -> Estimate | None:
        return self.main.estimate if self.main else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A network as it ran.

    ran      every node, in the order in which they ran
    total_s  of a run with the profiler on: the nodes and what lies between them
    plain_s  of each run without it
    gone     rows that no node computes: folded into others' constants
    filled   tensors whose numbers are not in the file
    """

    ran: tuple[Ran, ...]
    total_s: float
    plain_s: tuple[float, ...]
    gone: tuple[LayerCost, ...] = ()
    filled: int = 0

    @property
    def between_s(self) -> float:
        """What the rows do not have of the total."""
        return self.total_s - sum(each.seconds for each in self.ran)


def run_whole(model: Path | bytes, cost: GraphCost, **how: Any) -> Whole:
    """Run a model in onnxruntime, in a process of its own. EngineError when it does not run.

    how  threads, runs, min_time_s, warmup, seed
    """
    from groupcalc.bench.backends.profile import profile
    from groupcalc.sources.onnx.wiring import runnable, wiring

    ready, filled = runnable(model, how["seed"])
    with apart() as process:
        found = process.submit(profile, ready, cost.inputs, **how).result()
    return joined(wiring(model), found, cost, filled)


def joined(nodes: Sequence[Node], profile: Profile, cost: GraphCost, filled: int = 0) -> Whole:
    """Each timed node with the rows of the nodes that it stands for.

    nodes  of the file, in its order
    """
    owners = _owners(nodes, profile)
    rows = _rows_of(nodes, cost)
    ran = []
    for index, timed in enumerate(profile.nodes):
        own = sorted(number for number, owner in owners.items() if owner == index)
        ran.append(_ran(timed, [nodes[number] for number in own], [rows[number] for number in own if number in rows]))
    gone = tuple(row for number, row in rows.items() if number not in owners)
    return Whole(ran=tuple(ran), total_s=profile.total_s, plain_s=profile.plain_s, gone=gone, filled=filled)


def _ran(timed: Timed, nodes: Sequence[Node], rows: Sequence[LayerCost]) -> Ran:
    main = max(rows, key=lambda row: row.cost.macs, default=None)
    fused = tuple(node.op for node in nodes if main is None or node.row != main.name)
    name = main.name if main else nodes[0].row if nodes else timed.name
    return Ran(name=name, op=timed.op, seconds=timed.seconds, rows=tuple(rows), fused=fused)


def _rows_of(nodes: Sequence[Node], cost: GraphCost) -> dict[int, LayerCost]:
    """Number of a node -> its row; both stand in the order of the file, and nodes without cost have none."""
    waiting: dict[str, list[LayerCost]] = {}
    for row in reversed(cost.layers):
        waiting.setdefault(row.name, []).append(row)
    return {number: waiting[node.row].pop() for number, node in enumerate(nodes) if waiting.get(node.row)}


def _owners(nodes: Sequence[Node], profile: Profile) -> dict[int, int]:
    """Number of a node of the file -> number of the timed node that computes it."""
    producers = {name: number for number, node in enumerate(nodes) for name in node.outputs}
    names = {node.name: number for number, node in enumerate(nodes) if node.name}
    ran = {node.name: node for node in profile.optimized}
    anchors = [_anchor(timed.name, ran.get(timed.name), producers, names) for timed in profile.nodes]
    owners: dict[int, int] = {}
    for index, anchor in enumerate(anchors):
        if anchor is not None:
            owners.setdefault(anchor, index)
    for index, (timed, anchor) in enumerate(zip(profile.nodes, anchors, strict=True)):
        if anchor is not None and owners[anchor] == index:
            known = ran.get(timed.name)
            reads = set(known.inputs) if known else set()
            for number in _behind(anchor, FUSED.get(timed.op, timed.op), reads, nodes, producers, owners):
                owners[number] = index
    _spread(nodes, producers, owners)
    return owners


def _anchor(name: str, node: Node | None, producers: Mapping[str, int], names: Mapping[str, int]) -> int | None:
    """The node of the file whose output a timed node writes: by that output's name, else by its own."""
    outputs = (*(node.outputs if node else ()), name.removesuffix(BLOCKED))
    found = next((producers[output] for output in outputs if output in producers), None)
    return names.get(name) if found is None else found


def _behind(
    anchor: int,
    op: str,
    reads: set[str],
    nodes: Sequence[Node],
    producers: Mapping[str, int],
    owners: Mapping[int, int],
) -> Iterable[int]:
    """The nodes before the anchor that were fused into it: back to its own inputs, or to the operator that it is.

    None when neither is found on the way: then only the anchor is sure.
    """
    if nodes[anchor].op == op:
        return ()
    found: dict[int, None] = {}
    front = [anchor]
    while front:
        number = front.pop()
        for name in nodes[number].inputs:
            before = producers.get(name)
            if name in reads or before is None or before in owners or before in found or not nodes[before].inputs:
                continue  # its own input, a weight, what runs by itself, what was seen, a constant
            found[before] = None
            if nodes[before].op != op:
                front.append(before)
    complete = any(nodes[number].op == op for number in found) or bool(reads & set(producers))
    return found if complete else ()


def _spread(nodes: Sequence[Node], producers: Mapping[str, int], owners: dict[int, int]) -> None:
    """What is left over went into the node that ran last among those whose results it reads."""
    for number, node in enumerate(nodes):
        if number not in owners:
            before = [owners[producers[name]] for name in node.inputs if producers.get(name) in owners]
            if before:
                owners[number] = max(before)
