"""Files that are no models: each kind is told apart before anything reads it, in one line, and exit 2."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import socket
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import groupcalc as package
from groupcalc.sources.onnx.prune import KEPT_BYTES

EXPORT = "export the model to ONNX"
AGAIN = "export or download it again"


def conv() -> onnx.ModelProto:
    """One 1×1 convolution from 8 to 4 channels on 5×5: 8·4·25 MACs."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 5, 5])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    w = TensorProto(name="w", dims=[4, 8, 1, 1], data_type=TensorProto.FLOAT)
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["y"])], "g", [x], [y], [w])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def npz() -> bytes:
    out = io.BytesIO()
    np.savez(out, w=np.zeros(3))
    return out.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(8)


OLD_PT = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
"""torch.save before 1.6: a magic number, a protocol number, the machine, each pickled."""

KINDS: dict[str, tuple[bytes, str]] = {
    "zip": (zipped(data=b"x"), f"it is a zip archive, as .pt, .npz and .mlpackage files are: {EXPORT}, or unpack it"),
    "zip with a model": (zipped(model=conv().SerializeToString()), "it is a zip archive, as .pt,"),
    "empty zip": (zipped(), "it is an empty zip archive: download it again"),
    "npz": (npz(), "it is a zip archive, as .pt, .npz"),
    "pickle 2": (OLD_PT, f"it is a pickle, as .pkl and old .pt files are: {EXPORT}"),
    "pickle 4": (pickle.dumps({"w": [1, 2]}, 4), "it is a pickle"),
    "pickle 5": (pickle.dumps({"w": [1, 2]}, 5), "it is a pickle"),
    "gzip": (gzip.compress(conv().SerializeToString()), "it is compressed by gzip: unpack it"),
    "bzip2": (bz2.compress(b"x"), "it is compressed by bzip2: unpack it"),
    "xz": (lzma.compress(b"x"), "it is compressed by xz: unpack it"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x00\x09", "it is compressed by zstd: unpack it"),
    "safetensors": (safetensors(), f"it is a safetensors file, which holds weights and no graph: {EXPORT}"),
    "gguf": (b"GGUF\x03\x00\x00\x00", f"it is a GGUF file, which holds weights and no graph: {EXPORT}"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(100), f"it is an HDF5 file, as those of Keras are: {EXPORT}"),
    "tflite": (b"\x1c\x00\x00\x00TFL3\x14\x00\x20\x00", f"it is a TensorFlow Lite file: {EXPORT}"),
    "ort": (b"\x20\x00\x00\x00ORTM\x14\x00\x20\x00", "it is in onnxruntime's own format: name the .onnx file"),
    "html": (b"\n<!DOCTYPE html>\n<html><title>Sign in", "it is an HTML page: download the file itself"),
    "html, capitals": (b"<HTML><BODY>404", "it is an HTML page: download the file itself"),
    "zeros": (bytes(100_000), f"it begins with 512 zeros: {AGAIN}"),
    "a zero": (bytes(1), f"it begins with 1 zeros: {AGAIN}"),
    "onnx text": (onnx.printer.to_text(conv()).encode(), "it is ONNX as text: write it with onnx.save"),
    "onnx prototxt": (str(conv()).encode(), "it is ONNX as text: write it with onnx.save"),
    "onnx json": (b'{"irVersion": "8", "graph": {}}', "it is ONNX as text: write it with onnx.save"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "it is a Git LFS pointer: run git lfs pull"),
    "text": (b"import torch\n", f"it is text: {AGAIN}"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_another_kind_of_file_is_called_by_its_name(groupcalc: Callable[..., Any], here: Path, kind: str) -> None:
    data, told = KINDS[kind]
    Path("model.onnx").write_bytes(data)
    line = groupcalc("analyze", "model.onnx").refusal
    assert line.startswith(f"model.onnx: is not an ONNX model ({told}")


def test_an_empty_file_is_told_apart(groupcalc: Callable[..., Any], here: Path) -> None:
    Path("model.onnx").touch()
    assert groupcalc("analyze", "model.onnx").refusal == f"model.onnx: is empty ({AGAIN})"


def test_a_model_whose_first_name_looks_like_another_kind_is_read(groupcalc: Callable[..., Any], here: Path) -> None:
    model = conv()
    model.producer_name = "PK\x03\x04 <!doctype html> GGUF TFL3"
    Path("model.onnx").write_bytes(model.SerializeToString())
    assert groupcalc("analyze", "model.onnx").code == 0


# --- what is no regular file ------------------------------------------------------------------------------------------


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))  # the whole path may be too long for a socket


@pytest.mark.parametrize("suffix", [".onnx", ".toml", ".json", ".txt"])
@pytest.mark.parametrize("make", [os.mkfifo, make_socket, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_not_opened(
    groupcalc: Callable[..., Any], here: Path, make: Callable[[Path], None], suffix: str
) -> None:
    """A pipe without a writer would wait for ever, /dev/zero never ends."""
    path = here / f"model{suffix}"
    make(path)
    assert groupcalc("analyze", path.name).refusal.startswith(f"{path.name}: is not a file")


@pytest.mark.parametrize("suffix", [".onnx", ".toml", ".json", ".txt"])
def test_a_directory_with_the_name_of_a_file_holds_no_model(
    groupcalc: Callable[..., Any], here: Path, suffix: str
) -> None:
    Path(f"model{suffix}").mkdir()
    assert groupcalc("analyze", f"model{suffix}").refusal.startswith(f"model{suffix}: holds no .onnx file")


@pytest.mark.parametrize("suffix", [".onnx", ".toml", ".json", ".txt"])
def test_a_link_to_nowhere_or_in_circles_cannot_be_read(groupcalc: Callable[..., Any], here: Path, suffix: str) -> None:
    Path(f"gone{suffix}").symlink_to("nowhere")
    Path(f"circle{suffix}").symlink_to(f"circle{suffix}")
    for name in ("gone", "circle"):
        assert groupcalc("analyze", f"{name}{suffix}").refusal.startswith(f"{name}{suffix}: cannot be read: ")


def test_a_file_that_may_not_be_read_says_so(
    groupcalc: Callable[..., Any], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("model.onnx").write_bytes(conv().SerializeToString())

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")  # root may read everything

    monkeypatch.setattr(Path, "open", refuse)
    assert groupcalc("analyze", "model.onnx").refusal == "model.onnx: cannot be read: Permission denied"


def test_more_than_protobuf_could_hold_is_refused_before_it_is_tried(groupcalc: Callable[..., Any], here: Path) -> None:
    """An attribute of 3 GiB of text: a hole in the file, no payload that could be dropped."""
    size = 3 * 2**30

    def head(number: int, length: int) -> bytes:
        digits = [length >> shift & 127 | 128 for shift in range(0, 63, 7)]
        digits[-1] &= 127
        return bytes([number << 3 | 2, *digits])

    attribute = head(4, size)
    node = head(5, len(attribute) + size)
    graph = head(1, len(node) + len(attribute) + size)
    start = b"\x08\x08" + head(7, len(graph) + len(node) + len(attribute) + size) + graph + node + attribute
    with Path("model.onnx").open("wb") as file:
        file.write(start)
        file.truncate(len(start) + size)
    assert stat.S_ISREG(Path("model.onnx").stat().st_mode)
    line = groupcalc("analyze", "model.onnx").refusal
    assert line == f"model.onnx: has more than {KEPT_BYTES // 2**20}.0 MiB besides its large tensors (split the model)"


# --- nothing else is opened, nothing is run ---------------------------------------------------------------------------

WATCH = """
import os, sys
seen = []
def watch(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)):
        seen.append(("open", os.path.abspath(os.fsdecode(args[0]))))
    elif event in ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect", "socket.bind",
                   "pickle.find_class", "os.remove", "os.rename", "os.mkdir"):
        seen.append((event, repr(args)))
sys.addaudithook(watch)
from groupcalc.cli import run
code = run(["analyze", sys.argv[1], "-o", "csv"])
for event, what in seen:
    print(event, what, file=sys.stderr)
sys.exit(code)
"""


def external(location: str) -> bytes:
    """A convolution whose weight lies in another file, and a second one within a sparse tensor and a Constant node."""
    model = conv()
    (weight,) = model.graph.initializer
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    weight.external_data.add(key="length", value=str(4 * 8 * 4))
    held = helper.make_node("Constant", [], ["c"], value=weight)
    model.graph.node.insert(0, held)
    sparse = onnx.SparseTensorProto(values=weight, indices=weight, dims=[4, 8, 1, 1])
    sparse.values.name = "sparse"
    model.graph.sparse_initializer.append(sparse)
    return bytes(model.SerializeToString())


def watched(path: str) -> Iterator[tuple[str, str]]:
    done = subprocess.run([sys.executable, "-c", WATCH, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Conv" in done.stdout
    for line in done.stderr.splitlines():
        event, _, what = line.partition(" ")
        yield event, what


@pytest.mark.parametrize(
    "location", ["weights.bin", "../secret", "/etc/passwd", "pipe", "file:///etc/passwd", "~/.ssh/id"]
)
def test_external_data_is_never_opened_and_nothing_is_run(here: Path, location: str) -> None:
    os.mkfifo("pipe")  # who opens it waits for ever
    Path("weights.bin").write_bytes(bytes(4 * 8 * 4))
    (here.parent / "secret").write_bytes(bytes(4 * 8 * 4))
    Path("model.onnx").write_bytes(external(location))
    events = list(watched("model.onnx"))
    assert ("open", str(here / "model.onnx")) in events
    assert [event for event in events if event[0] != "open"] == []
    # Besides the model there are Python's own files and those of the packages.
    homes = (sys.prefix, sys.base_prefix, str(Path(package.__file__).parent))
    others = {what for event, what in events if not what.startswith(homes) and not what.endswith((".pyc", ".py"))}
    assert others <= {str(here / "model.onnx"), os.devnull, "/etc/localtime", "/proc/cpuinfo"}
