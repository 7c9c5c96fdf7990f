"""The least time that a machine allows: of a case, of a layer, of every row of a network."""

from __future__ import annotations

from dataclasses import replace

from groupcalc.bench.result import Case
from groupcalc.costs import FLOPS_PER_MAC
from groupcalc.costs.cost import GraphCost, LayerCost
from groupcalc.costs.roofline import Ceilings, Estimate, attain
from groupcalc.kernels.plan import real_macs


def estimate(case: Case, ceilings: Ceilings) -> Estimate:
    """Of one layer of a case. A tap that falls on padding is no work: a kernel may leave it out.

    Cold operands come from the slowest memory, whatever their size.
    """
    flops = FLOPS_PER_MAC * real_macs(case.conv)
    slowest = ceilings.levels[-1].working_set
    working_set = max(slowest, case.traffic) if case.cold else case.traffic * case.chain
    return attain(ceilings, flops, case.traffic, working_set)


def estimate_row(row: LayerCost, ceilings: Ceilings) -> Estimate:
    """Of a row of a network: its layers one after the other, each beside its own operands only.

    Convolutions as a case of them has it; all else by its FLOPs, one each, and its bytes.
    """
    cost, conv = row.cost, row.conv
    flops = cost.flops // row.repeat
    if conv is not None and row.op == "Conv":
        flops = FLOPS_PER_MAC * real_macs(conv)
    traffic = (cost.weight_bytes + cost.input_bytes + cost.output_bytes) // row.repeat
    return attain(ceilings, flops, traffic, working_set=traffic) * row.repeat


def with_estimates(cost: GraphCost, ceilings: Ceilings) -> GraphCost:
    """The network with an estimate beside each row."""
    return replace(cost, layers=tuple(replace(row, estimate=estimate_row(row, ceilings)) for row in cost.layers))
