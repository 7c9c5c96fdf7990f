"""An ONNX file or its bytes as a Graph."""

from __future__ import annotations

from pathlib import Path

from groupcalc.graph import Graph
from groupcalc.sources.given import Given
from groupcalc.sources.onnx.lower import Lowering
from groupcalc.sources.onnx.prune import parse_model, read_model


def load_onnx(source: Path | bytes, given: Given, name: str) -> Graph:
    """Read a model without its weights. Raises InputError, MissingDims and GeometryError."""
    pruned = read_model(source) if isinstance(source, Path) else parse_model(source)
    return Lowering(pruned.model, given).graph(name, pruned.warnings)
