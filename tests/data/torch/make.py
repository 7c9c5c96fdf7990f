"""Export the modules of nets.py to ONNX and write what PyTorch says of them. Run by hand.

    pip install torch==2.13.0 onnx onnxscript onnxruntime
    python tests/data/torch/make.py            # everything, anew: five minutes
    python tests/data/torch/make.py swin unet  # these cases only; the rest of expected.json stays

Each case is exported by both exporters (`ts`: TorchScript, `torch.onnx.export(dynamo=False)`; `dynamo`: torch.export),
with static shapes (batch 1) and with dynamic ones. Modules with BatchNorm are exported twice: kept (`ts`: training mode
PRESERVE; `dynamo`: without its optimizer, which gives a rawer graph in other ways too) and folded into convolutions
where that can be; some others are exported raw (`dynamo` without its optimizer) as well. A file is named
CASE-EXPORTER-SHAPES[-WAY].onnx. Then the payload of every large tensor is cleared: its name, dims and type stay.
Documentation strings and metadata are dropped. The tests only read the result.

expected.json has, by file name, in this order:

* `about`, `exporter`, `way` (kept, folded, raw or null);
* `shapes`: the shape of each input at which the figures hold, and `dims`: the values for the dynamic dimensions;
* `macs`: FlopCounterMode's FLOPs of the eager module on these shapes, halved;
* `params`: elements of the eager module's parameters, each once; for folded BatchNorm, by reasoning: a convolution
  keeps its weight and gets a bias, so of scale and shift only one is left;
* `buffers`: running means and variances, where BatchNorm is kept;
* where the exported graph rightly holds something else, `why` and some of: `onnx_macs` in place of `macs`;
  `onnx_params` in place of `params`; `constants`: floats in the file that look like weights and were never learned
  (a mask, a grid, the ones that a normalisation without parameters is given).

Three checks, on the exported model with its weights still inside. Its outputs in onnxruntime equal the module's. The
profile of that run lists each node that ran, with the shapes it met: the MACs over these must be `macs` (`onnx_macs`).
The elements of all tensors of floats that are no arguments and no single numbers must be parameters, buffers and
constants together.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from nets import CASES, Case, Net
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

HERE = Path(__file__).parent
FLOAT_LIMIT, OTHER_LIMIT = 256, 1024
"""Bytes above which the payload of a tensor of floats, or of another type, is cleared."""
PAYLOADS = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")
BATCHNORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@dataclass(frozen=True)
class Variant:
    """One way to export a case."""

    exporter: str
    shapes: str
    way: str | None

    def __str__(self) -> str:
        return "-".join(part for part in (self.exporter, self.shapes, self.way) if part)


def variants(case: Case) -> Iterator[Variant]:
    """All ways to export a case."""
    has_norm = any(isinstance(m, BATCHNORMS) for m in case.build().modules())
    ways = ("kept", "folded") if has_norm else (None,)
    for exporter in case.exporters:
        for shapes in ("static", "dynamic"):
            yield from (Variant(exporter, shapes, way) for way in ways)
    if case.raw:
        yield Variant("dynamo", "dynamic", "raw")


def entry_for(table: dict[str, Any], variant: Variant) -> Any:
    """The entry of a case's table whose key is a part of the variant's name; None if there is none."""
    return next((value for key, value in table.items() if key in str(variant)), None)


# ------------------------------------------------------------------------------------------- module and shapes


def built(case: Case) -> nn.Module:
    """The module in inference mode, every number in it random: equal tensors would be merged by an exporter."""
    torch.manual_seed(0)
    module = case.build().eval()
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            if tensor.is_floating_point():
                tensor.uniform_(0.05, 0.15)
    return module


def measured_shapes(case: Case, variant: Variant) -> list[list[int]]:
    """The shape of each input for the figures: the example's with batch 1, or with the case's dynamic values."""
    values = case.dims if variant.shapes == "dynamic" else {"batch": 1}
    return [
        [values.get(axes.get(i, ""), size) for i, size in enumerate(shape)]
        for shape, axes in zip(case.shapes, case.axes, strict=True)
    ]


def used_dims(case: Case, variant: Variant) -> dict[str, int]:
    """The dynamic dimensions of the inputs and their values."""
    names = {name for axes in case.axes for name in axes.values()} if variant.shapes == "dynamic" else set()
    return {name: case.dims[name] for name in sorted(names)}


def random_inputs(shapes: list[Any]) -> tuple[Tensor, ...]:
    """Inputs of these shapes."""
    return tuple(torch.rand(*shape) for shape in shapes)


# ------------------------------------------------------------------------------------------------------ figures


def eager_macs(module: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """Half of FlopCounterMode's count; attention by its two products, as the fused CPU kernel is unknown to it."""
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        module(*inputs)
    flops = counter.get_total_flops()
    assert flops % 2 == 0, flops
    return flops // 2


def eager_params(module: nn.Module, folded: bool) -> int:
    """Elements of the parameters, each once; as they are after folding, if so asked."""
    total = sum(p.numel() for p in module.parameters())
    return total - sum(folded_away(module)) if folded else total


def folded_away(module: nn.Module) -> Iterator[int]:
    """Parameter elements that folding removes, for each BatchNorm straight after a convolution without bias."""
    layers = [m for m in module.modules() if isinstance(m, (nn.Conv2d, *BATCHNORMS))]
    for before, norm in pairwise(layers):
        if isinstance(before, nn.Conv2d) and isinstance(norm, BATCHNORMS):
            assert before.bias is None
            yield norm.num_features


def buffers(module: nn.Module) -> int:
    """Elements of running means and variances."""
    return sum(2 * m.num_features for m in module.modules() if isinstance(m, BATCHNORMS))


# ------------------------------------------------------------------------------------------------------- export


def export(case: Case, module: nn.Module, variant: Variant, place: Path) -> ModelProto:
    """The model as the exporter writes it, weights inside."""
    shapes = case.shapes if variant.shapes == "dynamic" else measured_shapes(case, variant)
    exporter = export_ts if variant.exporter == "ts" else export_dynamo
    with quiet(), torch.no_grad():
        exporter(case, module, variant, random_inputs(list(shapes)), place)
    return onnx.load(place)


def input_names(case: Case) -> list[str]:
    """x, y."""
    return list("xy"[: len(case.shapes)])


def export_ts(case: Case, module: nn.Module, variant: Variant, inputs: tuple[Tensor, ...], place: Path) -> None:
    """By the exporter that traces to TorchScript."""
    names = input_names(case)
    modes = torch.onnx.TrainingMode
    torch.onnx.export(
        module,
        inputs,
        str(place),
        dynamo=False,
        input_names=names,
        opset_version=case.opset,
        dynamic_axes=dict(zip(names, case.axes, strict=True)) if variant.shapes == "dynamic" else None,
        training=modes.PRESERVE if variant.way == "kept" else modes.EVAL,
    )


def export_dynamo(case: Case, module: nn.Module, variant: Variant, inputs: tuple[Tensor, ...], place: Path) -> None:
    """By the exporter that starts from torch.export; its optimizer folds BatchNorm, so kept means unoptimized."""
    dynamic: Any = tuple(case.axes) if variant.shapes == "dynamic" else None
    if dynamic and isinstance(module, Net):  # its forward takes *inputs: one argument, a tuple
        dynamic = (dynamic,)
    program = torch.onnx.export(
        module,
        inputs,
        dynamo=True,
        input_names=input_names(case),
        opset_version=case.opset,
        dynamic_shapes=dynamic,
        optimize=variant.way not in ("kept", "raw"),
        verbose=False,
    )
    assert program is not None
    program.save(str(place))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings and the progress report of the exporters."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


# -------------------------------------------------------------------------------------------------- second count


def profiled_macs(model: ModelProto, events: list[dict[str, Any]]) -> int:
    """MACs of the nodes that ran, from the shapes in onnxruntime's profile."""
    equations = {n.name: attribute(n, "equation") for n in nodes(model.graph) if n.op_type == "Einsum"}
    total = 0
    for event in events:
        details = event["args"]
        inputs = [next(iter(shape.values())) for shape in details["input_type_shape"]]
        outputs = [next(iter(shape.values())) for shape in details["output_type_shape"]]
        equation = equations.get(event["name"].removesuffix("_kernel_time"), b"")
        total += node_macs(details["op_name"], inputs, outputs, equation.decode())
    return total


def run(model: ModelProto, inputs: tuple[Tensor, ...], folder: Path) -> tuple[list[Any], list[dict[str, Any]]]:
    """The outputs in onnxruntime, its optimizer switched off, and an event for each kernel that ran."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.disable_prepacking", "1")  # packed weights have no shape in the profile
    options.enable_profiling, options.profile_file_prefix = True, f"{folder}/profile"
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    outputs = session.run(None, {name: x.numpy() for name, x in zip(names, inputs, strict=True)})
    events = json.loads(Path(session.end_profiling()).read_text())
    return outputs, [e for e in events if e.get("cat") == "Node" and e["name"].endswith("_kernel_time")]


def inferred_macs(model: ModelProto, shapes: list[list[int]]) -> int:
    """MACs by onnx's own shape inference, for a model that onnxruntime refuses to run."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    del model.graph.value_info[:]
    for value, shape in zip(model.graph.input, shapes, strict=True):
        value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, TensorProto.FLOAT, shape))
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    known = {t.name: list(t.dims) for t in graph.initializer}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        known[value.name] = [d.dim_value for d in value.type.tensor_type.shape.dim]
    assert all(n.op_type == "Conv" for n in graph.node)
    return sum(node_macs("Conv", [known[i] for i in n.input], [known[n.output[0]]], "") for n in graph.node)


def node_macs(op: str, inputs: list[list[int]], outputs: list[list[int]], equation: str) -> int:
    """MACs of one node, from run-time shapes alone."""
    match op:
        case "Conv":
            return prod(outputs[0]) * prod(inputs[1][1:])
        case "ConvTranspose":
            return prod(inputs[0]) * prod(inputs[1][1:])
        case "Gemm":
            return prod(outputs[0]) * prod(inputs[0]) // outputs[0][0]
        case "MatMul":
            return prod(outputs[0]) * inputs[0][-1]
        case "Attention":
            query, key, value = inputs[:3]
            return prod(query) * key[-2] + prod(query[:-1]) * key[-2] * value[-1]
        case "Einsum":
            return einsum_macs(equation, inputs)
    return 0


def einsum_macs(equation: str, inputs: list[list[int]]) -> int:
    """MACs of an einsum, contracted pair by pair from the left as eager PyTorch does."""
    left, _, out = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    sizes = {letter: size for term, shape in zip(terms, inputs, strict=True) for letter, size in axes_of(term, shape)}
    total, held = 0, {letter for letter, _ in axes_of(terms[0], inputs[0])}
    for i, (term, shape) in enumerate(zip(terms[1:], inputs[1:], strict=True), start=1):
        met = held | {letter for letter, _ in axes_of(term, shape)}
        total += prod(sizes[letter] for letter in met)
        later = set(out) | set("".join(terms[i + 1 :])) | {letter for letter in met if letter.isdigit()}
        held = met & later
    return total


def axes_of(term: str, shape: list[int]) -> list[tuple[str, int]]:
    """Each axis of an einsum term with its size; those of an ellipsis are named by digits."""
    head, dots, tail = term.partition("...")
    wide = [str(i) for i in range(len(shape) - len(head) - len(tail))] if dots else []
    return list(zip([*head, *wide, *tail], shape, strict=True))


def attribute(node: NodeProto, name: str) -> Any:
    """The value of an attribute."""
    return next(onnx.helper.get_attribute_value(a) for a in node.attribute if a.name == name)


def nodes(graph: GraphProto) -> Iterator[NodeProto]:
    """Every node, those of subgraphs too."""
    for node in graph.node:
        yield node
        for inner in node.attribute:
            if inner.type == AttributeProto.GRAPH:
                yield from nodes(inner.g)


def held_elements(model: ModelProto) -> int:
    """Elements of the tensors of floats in the file, but for single numbers and the arguments of Resize."""
    resizes = [n for n in nodes(model.graph) if n.op_type in ("Resize", "Upsample")]
    arguments = {name for node in resizes for name in node.input[1:]}
    sizes = [prod(t.dims) for name, t in tensors(model) if t.data_type == TensorProto.FLOAT and name not in arguments]
    return sum(size for size in sizes if size > 1)


# -------------------------------------------------------------------------------------------------------- strip


def tensors(model: ModelProto) -> Iterator[tuple[str, TensorProto]]:
    """Every tensor of a model with its name: initializers, and attributes of nodes, in subgraphs and functions too."""
    everything = [*nodes(model.graph), *(node for f in model.functions for node in f.node)]
    graphs = [model.graph, *(a.g for n in everything for a in n.attribute if a.type == AttributeProto.GRAPH)]
    yield from ((t.name, t) for graph in graphs for t in graph.initializer)
    yield from ((n.output[0], a.t) for n in everything for a in n.attribute if a.type == AttributeProto.TENSOR)


def strip(model: ModelProto) -> None:
    """Clear the payload of large tensors, and all documentation and metadata."""
    for _, tensor in tensors(model):
        limit = FLOAT_LIMIT if tensor.data_type == TensorProto.FLOAT else OTHER_LIMIT
        if onnx.numpy_helper.to_array(tensor).nbytes > limit:
            for payload in PAYLOADS:
                tensor.ClearField(payload)
    strip_notes(model)


def strip_notes(message: Any) -> None:
    """Clear doc_string and metadata_props of a message and of all inside it."""
    for descriptor, value in message.ListFields():
        if descriptor.name in ("doc_string", "metadata_props"):
            message.ClearField(descriptor.name)
        elif descriptor.message_type:
            for part in value if descriptor.is_repeated else [value]:
                strip_notes(part)


# --------------------------------------------------------------------------------------------------------- main


def make(case: Case, variant: Variant, folder: Path) -> dict[str, Any]:
    """Export one variant, check it, write its file; what expected.json says of it."""
    module, shapes = built(case), measured_shapes(case, variant)
    model = export(case, module, variant, folder / "full.onnx")
    inputs = random_inputs(shapes)
    entry = figures(case, module, variant, inputs)
    for problem in problems(module, model, entry, inputs, folder):
        print(f"    {problem}")
    strip(model)
    onnx.save(model, HERE / f"{case.name}-{variant}.onnx")
    return entry


def problems(
    module: nn.Module, model: ModelProto, entry: dict[str, Any], inputs: tuple[Tensor, ...], folder: Path
) -> Iterator[str]:
    """What the exported model has unlike the eager module and the expected figures."""
    try:
        outputs, events = run(model, inputs, folder)
        macs = profiled_macs(model, events)
        if not same(module, inputs, outputs):
            yield "outputs differ from the eager module's"
    except Exception as error:
        yield f"onnxruntime cannot run it, so shapes are onnx's: {str(error).splitlines()[0]}"
        macs = inferred_macs(model, [list(x.shape) for x in inputs])
    if macs != (wanted := entry.get("onnx_macs", entry["macs"])):
        yield f"{macs} MACs in the exported graph, {wanted} expected"
    wanted = entry.get("onnx_params", entry["params"]) + entry["buffers"] + entry.get("constants", 0)
    if (held := held_elements(model)) != wanted:
        yield f"{held} elements of floats in the exported graph, {wanted} expected"


def same(module: nn.Module, inputs: tuple[Tensor, ...], outputs: list[Any]) -> bool:
    """Whether these are the module's outputs."""
    with torch.no_grad():
        eager = module(*inputs)
    eager = [eager] if isinstance(eager, Tensor) else list(eager)
    return len(eager) == len(outputs) and all(
        a.shape == b.shape and np.allclose(a.numpy(), b, rtol=1e-3, atol=1e-4)
        for a, b in zip(eager, outputs, strict=True)
    )


def figures(case: Case, module: nn.Module, variant: Variant, inputs: tuple[Tensor, ...]) -> dict[str, Any]:
    """What PyTorch says of a variant."""
    folded = variant.way == "folded" and case.folds
    entry: dict[str, Any] = {
        "about": case.text,
        "exporter": variant.exporter,
        "way": variant.way,
        "shapes": {name: list(x.shape) for name, x in zip(input_names(case), inputs, strict=True)},
        "dims": used_dims(case, variant),
        "macs": eager_macs(module, inputs),
        "params": eager_params(module, folded),
        "buffers": 0 if folded else buffers(module),
    }
    changes, why = entry_for(case.differs, variant) or ({}, "")
    return entry | changes | ({"why": why} if why else {})


def main() -> None:
    """Make the named cases, or all."""
    parser = argparse.ArgumentParser(description="Export test modules and their expected figures.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names in nets.py (default: all)")
    chosen = parser.parse_args().cases
    names, target = chosen or [case.name for case in CASES], HERE / "expected.json"
    expected = json.loads(target.read_text()) if chosen and target.exists() else {}
    for old in [] if chosen else HERE.glob("*.onnx"):
        old.unlink()
    logging.disable(logging.WARNING)
    torch.backends.mha.set_fastpath_enabled(False)  # FlopCounterMode and the exporters do not know the fused kernel
    for case in (c for c in CASES if c.name in names):
        expected = {k: v for k, v in expected.items() if not k.startswith(f"{case.name}-")} | made(case)
        lines = [f"{json.dumps(name)}: {json.dumps(expected[name])}" for name in sorted(expected)]
        target.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def made(case: Case) -> dict[str, Any]:
    """The entries of a case, by file name."""
    entries = {}
    for old in HERE.glob(f"{case.name}-*.onnx"):
        old.unlink()
    for variant in variants(case):
        print(f"{case.name}-{variant}", flush=True)
        if reason := entry_for(case.fails, variant):
            print(f"    not exported: {reason}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                entries[f"{case.name}-{variant}.onnx"] = make(case, variant, Path(folder))
            except Exception as error:
                print(f"    FAILED, and not in fails: {type(error).__name__}: {str(error)[:1500]}")
    return entries


if __name__ == "__main__":
    main()
