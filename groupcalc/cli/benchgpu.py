"""groupcalc bench --device cuda: what differs from the CPU between the flags and the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from groupcalc.bench import gpu
from groupcalc.bench.base import Base, check_machine
from groupcalc.bench.ceilings import given_ceilings
from groupcalc.bench.engine import Engine
from groupcalc.bench.machine import processor
from groupcalc.bench.result import Bench, Case
from groupcalc.bench.run import run
from groupcalc.bench.turns import Effort
from groupcalc.cli.screen import status
from groupcalc.costs.roofline import Ceilings
from groupcalc.errors import DeviceError, UsageError

Note = Callable[[str], None]


def check_flags(threads: int | None, cold: bool, whole: bool, say: Note) -> None:
    """UsageError for what a GPU does not have; a note on what is of no account there."""
    if whole:
        raise UsageError("is for the CPU", "drop --device cuda", "--whole")
    if cold:
        way_out = "drop --cold: buffers are taken in turn past the GPU's cache as it is"
        raise UsageError("is for the CPU", way_out, "--cold")
    if threads is not None:
        say("--threads: is for the CPU, and of no account with --device cuda")


def run_on_gpu(
    sets: Sequence[Sequence[Case]],
    engines: Sequence[Engine],
    rates: tuple[float | None, float | None],
    earlier: Base | None,
    effort: Effort,
    progress: bool | None,
    say: Note,
) -> Bench:
    """Measure every case on every engine whose library can use the GPU, beside the ceilings of the GPU.

    rates     the peak and the bandwidth, where a person gives them
    earlier   a result to be held against, which must be of this GPU
    progress  whether to show what is being done, see status
    say       hears which libraries are left out, and why
    """
    lines: list[str] = []
    with status(progress) as tell:
        tell("measuring the ceilings of this GPU: a few seconds")
        try:
            seen = gpu.look(probe=None in rates)
        except DeviceError as error:
            raise error.within("--device") from None
        if earlier:
            check_machine(earlier, processor(), seen.gpu.name)
        left = gpu.able(engines, lines.append)
    for line in lines:
        say(line)
    gpu.check_device_room(sets, len(left), seen)

    def measured() -> Ceilings:
        assert seen.ceilings is not None  # unless both are given, and then they are not asked for
        return seen.ceilings

    with status(progress) as tell:
        found = run(sets, left, given_ceilings(1, *rates, measured), effort, tell, seen.facts)
    return replace(found, machine=found.machine | {"gpu": seen.facts | {"state": gpu.state(seen)}})
