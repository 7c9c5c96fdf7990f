"""onnx's own node tests of Conv, computed by the kernels."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnx
import pytest

from groupcalc import kernels


def cases() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of onnx's cases are made of overflows
        from onnx.backend.test.case.node import collect_testcases

        # All of them, though only some are wanted: asked for one operator, onnx would answer every later call so.
        return {case.name: case for case in collect_testcases(None) if is_conv(case)}


def is_conv(case: Any) -> bool:
    return [node.op_type for node in case.model.graph.node] == ["Conv"]


CASES = cases()


def arguments(node: onnx.NodeProto, x: np.ndarray, w: np.ndarray) -> dict[str, Any]:
    """Conv's attributes under the names of `conv2d`; auto_pad as pairs. (ONNX Conv-22)"""
    given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    axes = range(x.ndim - 2)
    stride = given.get("strides", [1 for _ in axes])
    pads = given.get("pads", [0 for _ in axes] * 2)
    padding = [(pads[axis], pads[axis + len(axes)]) for axis in axes]
    if (auto := given.get("auto_pad", b"NOTSET").decode()).startswith("SAME"):
        totals = [(-(-x.shape[2 + i] // stride[i]) - 1) * stride[i] + w.shape[2 + i] - x.shape[2 + i] for i in axes]
        halves = [(total // 2, total - total // 2) for total in totals]
        padding = halves if auto == "SAME_UPPER" else [pair[::-1] for pair in halves]
    dilation = given.get("dilations", [1 for _ in axes])
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": given.get("group", 1)}


def test_there_are_cases() -> None:
    assert len(CASES) >= 5


@pytest.mark.parametrize("name", CASES)
def test_the_kernels_pass_onnxs_case(name: str) -> None:
    [node] = CASES[name].model.graph.node
    for inputs, [expected] in CASES[name].data_sets:
        x, w, *bias = map(np.asarray, inputs)
        y = kernels.conv2d(x, w, *bias, **arguments(node, x, w))
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
