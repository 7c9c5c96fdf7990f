"""Coverage-guided fuzzing, by hand, with Google's atheris (pip install atheris; pytest does not collect this file):

    python tests/hostile/fuzz.py onnx  [CORPUS] -rss_limit_mb=1024 -timeout=20 -max_total_time=900
    python tests/hostile/fuzz.py lines [CORPUS] -rss_limit_mb=1024 -timeout=20 -max_total_time=900

The corpus starts with the seeds of tests/sources/onnx/test_mutations.py, or with layer files; what is found goes to the
current directory. Its smallest form becomes a file of tests/hostile/found.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import atheris  # type: ignore[import-not-found]

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "sources" / "onnx"))

with atheris.instrument_imports(include=["groupcalc"]):
    import test_mutations as mutations

    from groupcalc.costs.model import cost
    from groupcalc.errors import GroupcalcError
    from groupcalc.report.render import FORMATS, renderer
    from groupcalc.report.views import analysis
    from groupcalc.sources.lines import looks_like_layer
    from groupcalc.sources.spec import load_lines, load_text

MAX_BYTES = 20_000

LINES = (
    "(layer1.0.conv2): Conv2d(256, 256, kernel_size=(3, 3), padding=(1, 1), groups=32, bias=False) @ 56x56 *3",
    "stem = Conv2d(3, 64, kernel_size=(7, 7), stride=2, padding='same', padding_mode=reflect) @ 1x3x224x224 # stem",
    "ConvTranspose1d(8, 6, 3, stride=2, output_padding=1, groups=2, dtype=torch.float16) @ 5",
    "Linear(512, 10) @ 7×512",
    "LSTM(8, 8) @ 3x8",
    "MaxPool2d(3, 2, 1, ceil_mode=True) @ 8x8x8",
    "MultiheadAttention(64, 8) @ 1x10x64",
    "AdaptiveAvgPool2d((None, 3)) @ 8x7x7\nFlatten()\nLinear(168, 2)",
)

DOCUMENTS = (
    'schema = 1\nlayers = ["a = Conv2d(3, 8, 3) @ 8x8", "ReLU()"]\n',
    'schema = 1\n[defaults]\ndtype = "float16"\nbatch = 2\n[[layer]]\nname = "a"\nop = "Conv2d"\nin_channels = 3\n'
    "out_channels = 8\nkernel_size = [3, 3]\ninput = [8, 8]\n"
    '[[layer]]\nop = "Add"\ninput = ["a", "prev"]\nrepeat = 2\n',
    json.dumps({"schema": 1, "layer": [{"op": "Linear", "in_features": 4, "out_features": 2, "input": [3, 4]}]}),
    json.dumps({"schema": 1, "layers": ["Conv2d(3, 8, 3) @ 8x8", "ELU(alpha=1e3)"]}),
)


def fuzz_onnx(data: bytes) -> None:
    """What test_mutations asks of one mutation."""
    mutations.outcome(data)


def fuzz_lines(data: bytes) -> None:
    """A text as layer lines, TOML and JSON; what is accepted adds up and can be shown."""
    text = data.decode("utf-8", "surrogateescape")
    looks_like_layer(text)
    loaders: list[Callable[[], object]] = [lambda: load_lines(text.split("\n"))]
    loaders += [lambda kind=kind: load_text(text, kind=kind, name="m", place="m") for kind in ("toml", "json", "lines")]
    for load in loaders:
        try:
            found = cost(load())
        except GroupcalcError as error:
            mutations.check_line(error)
            continue
        mutations.check_sums(found)
        for name in FORMATS:
            renderer(name)(analysis([found]))


def custom_mutator(data: bytes, size: int, seed: int) -> bytes:
    """Half of the time one of ours, which keep a model a model; else libFuzzer's."""
    rng = random.Random(seed)
    if rng.random() < 0.6:
        with suppress(Exception):  # what is no model any more has no fields to choose from
            changed = rng.choice(mutations.MUTATIONS)(data, rng, SEEDS)
            if len(changed) <= size:
                return changed
    return bytes(atheris.Mutate(data, size))


SEEDS: list[bytes] = []


def main() -> None:
    """Fuzz what the first word names; the rest is libFuzzer's."""
    what, *rest = sys.argv[1:]
    SEEDS.extend(mutations.seeds() if what == "onnx" else [text.encode() for text in (*LINES, *DOCUMENTS)])
    folder = Path(mkdtemp(prefix="groupcalc-fuzz-"))
    for place, seed in enumerate(dict.fromkeys(SEEDS)):
        (folder / f"{place}").write_bytes(seed)
    words = [sys.argv[0], *rest, str(folder), f"-max_len={MAX_BYTES}"]  # what is new goes to the first folder
    if what == "onnx":
        atheris.Setup(words, fuzz_onnx, custom_mutator=custom_mutator)
    else:
        atheris.Setup(words, fuzz_lines)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
