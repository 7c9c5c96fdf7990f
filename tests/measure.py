"""What groupcalc costs its user: start-up beside minimal commands, and the largest graphs. Run by hand:

    python tests/measure.py

Whole processes. Start-up is measured in pairs, one command and the other in turn, and given as the median ratio with
its quartiles: a machine that is slow for a moment is slow for both. The minimal commands do what any such tool must:
start Typer, import onnx if there is a model to read, and print a table of one row with rich.
"""

from __future__ import annotations

import os
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import perf_counter

import onnx
from onnx import TensorProto, helper

ROOT = Path(__file__).parent.parent
PAIRS = 30
MINIMAL = """
import typer{imports}
app = typer.Typer()
@app.command()
def main() -> None:
    from rich.console import Console
    from rich.table import Table
    table = Table()
    table.add_column("a")
    table.add_row("b")
    Console().print(table)
app()
"""


def main() -> None:
    """Print both tables."""
    with TemporaryDirectory() as folder:
        layers = str(ROOT / "examples" / "stage.toml")
        model = str(ROOT / "examples" / "resnext50_32x4d.onnx")
        say(f"start-up, analyze of a layer file    {ratio(layers, '')} of a minimal command")
        say(f"start-up, analyze of a ResNeXt-50    {ratio(model, ', onnx')} of a minimal command that imports onnx")
        # Another process writes them: the peak of a child counts from what its parent holds when it starts.
        writer = get_context("spawn").Process(target=write_graphs, args=(Path(folder),))
        writer.start()
        writer.join()
        for path in sorted(Path(folder).iterdir(), key=lambda path: path.stat().st_size):
            start = perf_counter()
            child = subprocess.Popen(groupcalc(str(path)), stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(child.pid, 0)
            seconds, peak = perf_counter() - start, usage.ru_maxrss // 1024
            child.returncode = os.waitstatus_to_exitcode(status)
            say(f"{path.stem:36} {seconds:.1f} s, {peak} MiB")


def ratio(target: str, imports: str) -> str:
    """Groupcalc's time over the minimal command's, pair by pair: median (quartiles)."""
    ours, minimal = groupcalc(target), MINIMAL.format(imports=imports)
    pairs = [(timed(ours), timed([sys.executable, "-c", minimal])) for _ in range(PAIRS + 1)]
    low, middle, high = quantiles(a / b for a, b in pairs[1:])  # the first pair warms the caches
    return f"×{middle:.2f} ({low:.2f} to {high:.2f})"


def groupcalc(target: str) -> list[str]:
    return [sys.executable, "-m", "groupcalc", "analyze", target]


def timed(command: list[str]) -> float:
    # Compiled once, as pip leaves an installed package; with this variable each start would compile our sources again.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return perf_counter() - start


def write_graphs(folder: Path) -> None:
    """Three files that no exporter would write."""
    convs = [chained("Conv", i, f"w{i}", group=4, pads=[1, 1, 1, 1]) for i in range(20_000)]
    absent = [TensorProto(name=f"w{i}", dims=[64, 16, 3, 3], data_type=TensorProto.FLOAT) for i in range(20_000)]
    write(folder / "20,000 convolutions.onnx", convs, absent)
    write(folder / "100,000 Relu nodes.onnx", [chained("Relu", i) for i in range(100_000)], [])
    small = [helper.make_tensor(f"w{i}", TensorProto.FLOAT, [1], [1.0]) for i in range(1_000_000)]
    write(folder / "1,000,000 initializers.onnx", [chained("Relu", 0)], small)


def chained(op: str, place: int, *weights: str, **attributes: object) -> onnx.NodeProto:
    """A node that reads the one before it."""
    return helper.make_node(op, [f"t{place}", *weights], [f"t{place + 1}"], name=f"n{place}", **attributes)


def write(path: Path, nodes: list[onnx.NodeProto], initializers: list[onnx.TensorProto]) -> None:
    x = helper.make_tensor_value_info("t0", TensorProto.FLOAT, [1, 64, 56, 56])
    y = helper.make_empty_tensor_value_info(nodes[-1].output[0])
    graph = helper.make_graph(nodes, "g", [x], [y], initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
