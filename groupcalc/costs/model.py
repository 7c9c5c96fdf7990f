"""From a graph to its cost: the rows, which branch runs, what calls come to, what could not be counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from groupcalc.costs.cost import Cost, GraphCost, LayerCost
from groupcalc.costs.memory import peak_activation_bytes
from groupcalc.costs.row import Held, layer_cost, operands, owned, sums
from groupcalc.costs.rules import RULES, WITHOUT, UncountableError
from groupcalc.graph import MISFIT, Graph, Layer, Uncounted, ran
from groupcalc.units import show_count, show_name

BRANCHES = ("then_branch", "else_branch")
"""Of an If, in the order of its blocks."""


def cost(graph: Graph, path: str = "") -> GraphCost:
    """The cost of every layer of a graph, in order; what has no rule or no shape stands in `uncounted`."""
    tally = Tally(graph.unresolved)
    tally.add(graph.layers)
    schedule = tally.schedule(graph.layers)
    return GraphCost(
        name=graph.name,
        path=path or graph.name,
        inputs=graph.inputs,
        layers=tuple(tally.rows),
        totals=Cost.total(row.cost for row in tally.rows),
        peak_activation_bytes=peak_activation_bytes(schedule, graph.inputs, graph.outputs, tally.inner_peak),
        uncounted=tuple(tally.uncounted),
        warnings=(*graph.warnings, *tally.warnings),
        symbols=graph.symbols,
    )


class Tally:
    """Rows as they are added up, and what was said on the way.

    Bodies of functions are shared by all of their calls, 2^40 perhaps: what is known of one is kept by its identity.
    """

    def __init__(self, uncounted: Iterable[Uncounted] = ()) -> None:
        self.rows: list[LayerCost] = []
        self.uncounted = list(uncounted)
        self.warnings: list[str] = []
        self._owners: dict[str, str] = {}
        self._bodies: dict[int, _Body] = {}

    def add(self, layers: Iterable[Layer]) -> None:
        """The rows of these layers, after those that stand there."""
        for layer in layers:
            if len(layer.blocks) > 1:
                self._add_branches(layer)
            elif layer.blocks:
                self._add_call(layer)
            else:
                found = self._found(layer)
                if isinstance(found, Uncounted):
                    self.uncounted.append(found)
                elif found is not None:
                    self.rows.append(found)

    def schedule(self, layers: Iterable[Layer]) -> list[Layer]:
        """The layers that run: of several branches those of the dearest, a call as one."""
        found: list[Layer] = []
        for layer in layers:
            if len(layer.blocks) > 1:
                found += self.schedule(layer.blocks[self._dearest(layer)[0]])
            else:
                found.append(layer)
        return found

    def inner_peak(self, call: Layer) -> int:
        """Bytes of the activations that live inside the body of a call at most."""
        body = self._body(call.blocks[0])
        if body.peak is None:
            body.peak = peak_activation_bytes(self.schedule(call.blocks[0]), inner_peak=self.inner_peak)
        return body.peak

    def _found(self, layer: Layer, owned: bool = True) -> LayerCost | Uncounted | None:
        """The row of a layer without blocks, why it has none, or None for a view."""
        rule = RULES.get(layer.op)
        if rule is None:
            return Uncounted(name=layer.name, op=layer.op, reason=WITHOUT.get(layer.op, "no rule"))
        if rule.view:
            return None
        try:
            return layer_cost(layer, rule, self._owners if owned else None)
        except UncountableError as error:
            return Uncounted(name=layer.name, op=layer.op, reason=str(error))
        except (ArithmeticError, LookupError, TypeError, ValueError):  # sources can check only what ONNX defines
            return Uncounted(name=layer.name, op=layer.op, reason=MISFIT)

    def _add_branches(self, layer: Layer) -> None:
        """The rows of the dearest branch, then those of the others: params, and no work."""
        first, order = self._dearest(layer)
        for place in order:
            self.add(ran(layer.blocks[place], layer.times if place == first else 0))
        macs = [show_count(self._body(layer.blocks[place]).work.macs, "MACs") for place in order]
        self.warnings.append(
            f"{show_name(layer.name)} ({layer.op}): which branch runs depends on data; counted is the dearer, "
            f"{BRANCHES[order[0]]} with {macs[0]}, and not {BRANCHES[order[1]]} with {macs[1]}"
        )

    def _add_call(self, layer: Layer) -> None:
        """One row for all that a call runs."""
        body = self._body(layer.blocks[0])
        own, shared = owned(layer.name, body.held, self._owners)
        params, buffers, dense_params, weight_bytes = sums(own)
        stored = Cost(params=params, buffers=buffers, dense_params=dense_params, weight_bytes=weight_bytes)
        self.uncounted += body.uncounted
        body.uncounted = []  # each once, however often the body is called
        read = [tensor for tensor in layer.inputs if tensor is not None and not tensor.constant]
        self.rows.append(
            LayerCost(
                name=layer.name,
                op=layer.op,
                groups=1,
                inputs=tuple([tensor.shape for tensor in read]),
                outputs=tuple([tensor.shape for tensor in layer.outputs]),
                cost=stored + body.work * layer.times,
                repeat=max(layer.times, 1),
                shared=shared,
            )
        )

    def _dearest(self, layer: Layer) -> tuple[int, list[int]]:
        """The branch with the most MACs, then FLOPs, then bytes, and all of them in the order of their rows."""
        works = [self._body(block).work for block in layer.blocks]
        dear = [(work.macs, work.flops, work.input_bytes + work.output_bytes) for work in works]
        first = dear.index(max(dear))
        return first, [first, *(place for place in range(len(dear)) if place != first)]

    def _body(self, block: tuple[Layer, ...]) -> _Body:
        """What one run of a block takes, calls inside it included."""
        if id(block) not in self._bodies:
            self._bodies[id(block)] = self._summed(block)
        return self._bodies[id(block)]

    def _summed(self, block: tuple[Layer, ...]) -> _Body:
        body = _Body()
        for layer in block:
            if layer.blocks:
                inner = [self._body(each) for each in layer.blocks]
                body.work += inner[self._dearest(layer)[0]].work * layer.times
                for each in inner:
                    body.hold(each.held)
                    body.uncounted += [node for node in each.uncounted if node not in body.uncounted]
                continue
            found = self._found(layer, owned=False)
            if isinstance(found, Uncounted):
                body.uncounted.append(found)
            elif found is not None:
                body.work += replace(found.cost, params=0, buffers=0, weight_bytes=0, dense_params=0)
                body.hold(operands(layer, RULES[layer.op])[1])
        return body


@dataclass(slots=True, kw_only=True)
class _Body:
    """What is known of a block: the work of one run, the stored tensors that it reads, what could not be counted."""

    work: Cost = field(default_factory=Cost)
    held: dict[str, Held] = field(default_factory=dict)
    uncounted: list[Uncounted] = field(default_factory=list)
    peak: int | None = None

    def hold(self, held: dict[str, Held]) -> None:
        """Learn stored tensors; the first role of each stands."""
        for name, role in held.items():
            self.held.setdefault(name, role)
