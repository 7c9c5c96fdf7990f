"""The operators that run other nodes, and what follows each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import onnx

from groupcalc.sources.onnx.bodies import Values
from groupcalc.sources.onnx.branches import branch
from groupcalc.sources.onnx.flex import flex_attention
from groupcalc.sources.onnx.loops import loop
from groupcalc.sources.onnx.scans import scan, sequence_map
from groupcalc.sources.onnx.scope import Scope

if TYPE_CHECKING:
    from groupcalc.sources.onnx.lower import Lowering

CONTROL: Mapping[str, Callable[[Lowering, onnx.NodeProto, Values, Scope], None]] = {
    "If": branch,
    "Loop": loop,
    "Scan": scan,
    "SequenceMap": sequence_map,
    "ai.onnx.preview::FlexAttention": flex_attention,
}
"""By operator."""
