"""What a file is that is no ONNX model, told by how it begins."""

from __future__ import annotations

from collections.abc import Mapping

EXPORT = "export the model to ONNX"
AGAIN = "export or download it again"

STARTS: Mapping[bytes, str] = {
    b"PK\x03\x04": f"it is a zip archive, as .pt, .npz and .mlpackage files are: {EXPORT}, or unpack it",
    b"PK\x05\x06": "it is an empty zip archive: download it again",
    **dict.fromkeys(
        (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), f"it is a pickle, as .pkl and old .pt files are: {EXPORT}"
    ),
    b"\x89HDF\r\n\x1a\n": f"it is an HDF5 file, as those of Keras are: {EXPORT}",
    b"GGUF": f"it is a GGUF file, which holds weights and no graph: {EXPORT}",
    b"\x1f\x8b": "it is compressed by gzip: unpack it",
    b"BZh": "it is compressed by bzip2: unpack it",
    b"\xfd7zXZ\x00": "it is compressed by xz: unpack it",
    b"\x28\xb5\x2f\xfd": "it is compressed by zstd: unpack it",
    b"version https://git-lfs": "it is a Git LFS pointer: run git lfs pull",
}

FOURTH: Mapping[bytes, str] = {
    b"TFL3": f"it is a TensorFlow Lite file: {EXPORT}",
    b"ORTM": "it is in onnxruntime's own format: name the .onnx file that it was made from",
}
"""The same by what stands behind the first four bytes: both are flatbuffers, and these their identifiers."""


def foreign(head: bytes) -> str:
    """What a file is and what to do about it, by its first bytes; "" when it may be a damaged model."""
    found = [way_out for start, way_out in STARTS.items() if head.startswith(start)]
    if found:
        return found[0]
    if head[4:8] in FOURTH:
        return FOURTH[head[4:8]]
    if head[8:10] == b'{"' and not any(head[4:8]):  # the length of the header, and the header
        return f"it is a safetensors file, which holds weights and no graph: {EXPORT}"
    if head and not any(head):
        return f"it begins with {len(head)} zeros: {AGAIN}"
    if not head or any(byte < ord(" ") and byte not in b"\t\n\r\f" for byte in head):
        return ""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n\f").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "it is an HTML page: download the file itself"
    if b"ir_version" in text or b"irversion" in text:
        return "it is ONNX as text: write it with onnx.save"
    return f"it is text: {AGAIN}"
