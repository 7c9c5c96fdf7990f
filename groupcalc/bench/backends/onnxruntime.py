"""onnxruntime on the CPU, a session over a model of the case alone, its input and output bound once."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

from groupcalc.bench.backends import Ready
from groupcalc.bench.operands import empty, operands, output_shape
from groupcalc.bench.result import Case
from groupcalc.graph import Graph, Tensor
from groupcalc.sources.onnx.write import write_model

LEVELS = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
}
"""`all` adds the layout NCHWc, with a reorder at each end of the model; `extended` stays with NCHW."""


def prepare(variant: str, case: Case) -> Ready:
    """The chain of the case as one model."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = case.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = LEVELS[variant]
    options.log_severity_level = 3
    session = ort.InferenceSession(model(case), options, providers=["CPUExecutionProvider"])
    y = empty(output_shape(case.conv))
    binding = session.io_binding()
    x = operands(case).x
    binding.bind_input("x", "cpu", 0, np.float32, x.shape, x.ctypes.data)
    binding.bind_output("y", "cpu", 0, np.float32, y.shape, y.ctypes.data)

    def call() -> None:
        session.run_with_iobinding(binding)

    return Ready(call=call, output=lambda: y, operands=(x,))


def model(case: Case) -> bytes:
    """Layers named y1, y2, … and, the last one, y."""
    given = operands(case)
    names = [*(f"y{number}" for number in range(1, case.chain)), "y"]
    x = Tensor(name="x", shape=given.x.shape, dtype=case.conv.dtype)
    layers, values, reads = [], {}, x
    for name, w, bias in zip(names, given.weights, given.biases, strict=True):
        layer = case.conv.layer(name, reads)
        values[f"{name}.weight"] = w
        if bias is not None:
            values[f"{name}.bias"] = bias
        layers.append(layer)
        reads = layer.outputs[0]
    return write_model(Graph(name="case", layers=tuple(layers), inputs=(x,), outputs=("y",)), values)
