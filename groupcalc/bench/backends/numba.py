"""Our own kernels."""

from __future__ import annotations

from groupcalc import kernels
from groupcalc.bench.backends import Ready
from groupcalc.bench.operands import empty, input_shape, operands, output_shape
from groupcalc.bench.result import Case


def prepare(case: Case) -> Ready:
    """The chain of the case, weights packed; its layers write two arrays in turn, as a runtime would have them."""
    given, conv = operands(case), case.conv
    buffers = [empty(output_shape(conv)) for _ in range(min(case.chain, 2))]
    steps, reads = [], given.x
    for index, (w, bias) in enumerate(zip(given.weights, given.biases, strict=True)):
        run = kernels.prepare(
            w, input_shape=input_shape(conv), bias=bias, stride=conv.stride, padding=conv.padding,
            dilation=conv.dilation, groups=conv.groups, threads=case.threads,
        )  # fmt: skip
        writes = buffers[index % 2]
        steps.append((run, reads, writes))
        reads = writes

    def call() -> None:
        for run, x, y in steps:
            run(x, y)

    plan = steps[0][0].plan
    return Ready(
        call=call,
        output=lambda: reads,
        kernel=plan.kernel if plan else "",
        idle_lanes=plan.lane_waste if isinstance(plan, kernels.Plan) else None,
        note=steps[0][0].note,
    )
