"""How a grouped convolution is cut into blocks and threads, and what a cut is expected to take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from math import ceil, lcm, prod

from groupcalc.conv import Conv
from groupcalc.kernels.cuda.device import Gpu
from groupcalc.kernels.cuda.plan import BLOCK_LAYERS, SHARED_FLOATS, Axis, at_once, axes, even

MOST_SUMS = 64
"""Sums a thread: with weights, inputs and addresses up to 168 registers (ptxas for sm_90), three blocks of 128 threads
a processor."""

INDEXED = 2**16
"""Below this the kernel can divide by a multiplication."""

THREADS = (64, 128, 256)
"""At most a block: 256 can be launched whatever the compiler makes of a kernel, 65,536 registers by 255 a thread."""

ROOMS = (SHARED_FLOATS // 2, SHARED_FLOATS)
"""Numbers of shared memory that a block may fill: half of it lets more blocks share a processor, all of it makes fewer
chunks."""

LOAD_LATENCY = 30
STAGE_LATENCY = 1200
"""Cycles until shared memory answers; until the device's does, and all threads of a block have met."""

INPUT_INSTRUCTIONS = 25
WEIGHT_INSTRUCTIONS = 8
"""A thread's, to bring one access of the input, or of weights, to shared memory."""

FIXED_REGISTERS, SUM_REGISTERS = 60, 2
"""As ptxas for sm_90 has it: 67 registers a thread with 4 sums, 116 with 28, 167 with 56."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A convolution in blocks.

    channels, rows  sums of a thread: output channels of a group by rows of one column
    pieces          threads that share the output channels of a block
    columns, strips, images, groups  the other threads of a block, one for each
    chunk           input channels of a group that are in shared memory at once

    Without slots, which cached_property cannot use.
    """

    conv: Conv
    channels: int
    rows: int
    pieces: int
    columns: int
    strips: int
    images: int
    groups: int
    chunk: int

    @cached_property
    def height(self) -> Axis:
        return axes(self.conv, 2)[0]

    @cached_property
    def width(self) -> Axis:
        return axes(self.conv, 2)[1]

    @property
    def block(self) -> tuple[int, int, int]:
        return (self.columns, self.strips * self.images, self.pieces * self.groups)

    @property
    def grid(self) -> tuple[int, int, int]:
        return (
            ceil(self.conv.groups / self.groups) * self.tiles,
            ceil(self.height.out / (self.rows * self.strips)) * self.col_blocks,
            ceil(self.conv.batch / self.images),
        )

    @property
    def tiles(self) -> int:
        """Blocks that share the output channels of a group."""
        return ceil(self.conv.out_channels // self.conv.groups / self.block_channels)

    @property
    def block_channels(self) -> int:
        return self.channels * self.pieces

    @property
    def col_blocks(self) -> int:
        return ceil(self.width.out / self.columns)

    @property
    def seen_rows(self) -> int:
        """Input rows that a block sees."""
        return self.height.seen(self.rows * self.strips)

    @property
    def lead(self) -> int:
        """Columns before the first one seen, that bring it to a multiple of `at_once`."""
        return -self.width.before % self.at_once

    @property
    def at_once(self) -> int:
        """Columns loaded in one access: they divide the rows, and each block starts at a multiple of them."""
        step = self.columns * self.width.stride if self.col_blocks > 1 else 0
        return at_once(self.conv.dtype, self.width.size, step)

    @property
    def pitch(self) -> int:
        """Columns of a row in shared memory; a multiple of four at least, so few different ones are compiled."""
        step = lcm(self.at_once, 4)
        return ceil((self.lead + self.width.seen(self.columns)) / step) * step

    @property
    def weight_room(self) -> int:
        """float32 numbers of shared memory for weights, up to where an access of the input can start."""
        step = lcm(self.at_once, 4)
        return ceil(self.groups * self.chunk * prod(self.conv.kernel_size) * self.block_channels / step) * step

    @property
    def shared(self) -> int:
        return self.weight_room + self.images * self.groups * self.chunk * self.seen_rows * self.pitch

    @property
    def legal(self) -> bool:
        """It can be launched, and all indices that the kernel divides are small enough."""
        fits = self.shared <= SHARED_FLOATS and prod(self.block) <= THREADS[-1] and self.block[2] <= BLOCK_LAYERS
        return fits and max(*self.grid, self.shared) < INDEXED

    def cycles(self, gpu: Gpu) -> float:
        """Cycles of a processor until its share is done: a rough model that ranks cuts and predicts nothing.

        A processor starts four multiply-adds of a warp and one access to shared memory a cycle. One warp alone waits
        for each of its loads; with many, either the instructions or the accesses are the limit. While a block waits
        for its part of the input, the others of the processor go on.
        """
        in_group = self.conv.in_channels // self.conv.groups
        adds = self.height.kernel * self.channels * self.rows
        loads = self.height.seen(self.rows) + self.height.kernel * ceil(self.channels / 4)
        steps = in_group * self.width.kernel
        chunks = ceil(in_group / self.chunk)
        staged = (self.shared - self.weight_room) / self.at_once * INPUT_INSTRUCTIONS
        staged += self.weight_room / 4 * WEIGHT_INSTRUCTIONS
        warps = ceil(prod(self.block) / 32)
        waits = chunks * STAGE_LATENCY
        alone = steps * (adds + loads + LOAD_LATENCY) + waits
        busy = warps * steps * max((adds + loads + 4) / 4, loads) + staged * chunks / 32 / 4
        blocks, resident = ceil(prod(self.grid) / gpu.processors), self.resident(gpu)
        together = min(resident, blocks)
        return ceil(blocks / together) * max(alone, busy * together + waits / together)

    def resident(self, gpu: Gpu) -> int:
        """Blocks that share a processor."""
        threads = ceil(prod(self.block) / 32) * 32
        registers = FIXED_REGISTERS + SUM_REGISTERS * self.channels * self.rows
        fits = (32, 2048 // threads, 65536 // (threads * registers), gpu.shared_floats // self.shared)
        return max(1, min(fits))


def cuts(conv: Conv) -> Iterator[Cut]:
    """All cuts worth weighing."""
    height, width = axes(conv, 2)
    out_group = conv.out_channels // conv.groups
    columns = even(width.out, 64)
    for channels, rows, threads, room in product((1, 2, 4, 8), range(1, min(height.out, 8) + 1), THREADS, ROOMS):
        if channels * rows > MOST_SUMS or channels >= 2 * out_group:
            continue
        whole = ceil(height.out / rows)
        for pieces in sorted({min(ceil(out_group / channels), count) for count in (1, 2, 4, 8)}):
            strips = even(whole, max(1, threads // (columns * pieces)))
            one = Cut(
                conv=conv, channels=channels, rows=rows, pieces=pieces, columns=columns, strips=strips,
                images=1, groups=1, chunk=1,
            )  # fmt: skip
            for cut in _together(one, threads // prod(one.block)):
                filled = _filled(cut, room)
                if filled and filled.legal:
                    yield filled


def _together(one: Cut, count: int) -> Iterator[Cut]:
    """The cut, and where a block has whole planes and `count` times its threads would do, so many images or groups."""
    yield one
    if one.grid[1] > 1:
        return
    images = min(count, one.conv.batch)
    if images > 1:
        yield replace(one, images=images)
    groups = min(count // images, one.conv.groups) if images and one.tiles == 1 else 1
    if groups > 1:
        yield replace(one, images=images, groups=groups)
    groups = min(count, one.conv.groups) if one.tiles == 1 else 1
    if groups > 1:
        yield replace(one, groups=groups)


def _filled(cut: Cut, room: int) -> Cut | None:
    """As many input channels at once as there is room for: several groups only when all of theirs fit."""
    in_group, fit = cut.conv.in_channels // cut.conv.groups, room // cut.shared
    if fit >= in_group:
        return replace(cut, chunk=in_group)
    return replace(cut, chunk=even(in_group, fit)) if fit and cut.groups == 1 else None
