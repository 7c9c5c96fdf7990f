"""Runs PTX on the CPU, and stops at what a GPU would let pass.

`launch` runs all blocks of a grid or some. The threads of many blocks run at once: a register is an array with a lane a
thread. Each thread has a program counter; those with the lowest go on until they meet others.

A FaultError is raised where a thread

* reads or writes outside an array or its block's shared memory, or where no access of that width may start;
* writes to an array that is only given, or to an output that another thread has written;
* reads shared memory that its block has not written, or touches a word of it that another thread has touched since the
  last barrier, one of them writing;
* waits at a barrier to which not all threads of its block come;
* divides by zero, or does not end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.kernels.cuda.ptx import ACCESS, CONTROL, OPERAND, TYPES, Instruction, Kernel, UnknownError, arithmetic

LANES = 4096
"""Threads that run at once, as many whole blocks as they hold."""

MOST_STEPS = 10**7
"""Instructions until a launch counts as one that does not end."""

ARRAY_START, ARRAY_STEP = 16, 1 << 40
"""Where an array starts, past a multiple of the step: at 16 bytes, as no more is promised, and far from all others."""

SHARED_START = 1024

WIDEST = 16
"""Bytes of the widest access: rooms are whole ones, so that all widths can view them."""

WAITING, ENDED = 1 << 30, 1 << 31
"""Added to the program counter of a thread at a barrier; the one of a thread that is done."""

NOBODY, SEVERAL = -1, -2

Triple = tuple[int, int, int]
Numbers = NDArray[Any]
Step = Callable[[Any], None]


class FaultError(Exception):
    """What a kernel must not do."""


@dataclass
class Array:
    """A kernel's argument, copied flat to device memory of its own.

    room    its bytes, and some behind it that are not its own
    writer  the thread of the grid that wrote each number
    """

    name: str
    data: Numbers
    writable: bool = False
    room: Numbers = field(init=False)
    writer: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.room = np.zeros(-(-self.data.nbytes // WIDEST) * WIDEST, np.uint8)
        flat = self.room[: self.data.nbytes].view(self.data.dtype)
        flat[:] = self.data.reshape(-1)
        self.data = flat
        self.writer = np.full(flat.size if self.writable else 0, NOBODY)


@dataclass(frozen=True, slots=True)
class _Launch:
    """All that the blocks of one have in common; an array under the address where it starts."""

    kernel: Kernel
    grid: Triple
    block: Triple
    parameters: Sequence[int]
    arrays: Mapping[int, Array]
    shared_bytes: int


def launch(
    kernel: Kernel,
    grid: Triple,
    block: Triple,
    arguments: Sequence[Array | int],
    shared_bytes: int = 0,
    blocks: Iterable[int] | None = None,
) -> None:
    """Run blocks of the grid, all when none are named; their numbers count x fastest.

    An argument is an array, as Numba passes a flat one (seven parameters), or a number.
    """
    arrays: dict[int, Array] = {}
    parameters: list[int] = []
    for argument in arguments:
        if isinstance(argument, Array):
            start = (len(arrays) + 1) * ARRAY_STEP + ARRAY_START
            arrays[start] = argument
            size, width = argument.data.size, argument.data.itemsize
            parameters += (0, 0, size, width, start, size, width)  # owner twice, numbers, bytes, data, shape, strides
        else:
            parameters.append(argument)
    if len(parameters) != len(kernel.parameters):
        raise UnknownError(f"{len(kernel.parameters)} parameters and {len(parameters)} arguments")
    launched = _Launch(kernel, grid, block, parameters, arrays, shared_bytes)
    numbers = list(range(prod(grid)) if blocks is None else blocks)
    together = max(1, LANES // prod(block))
    for first in range(0, len(numbers), together):
        _Threads(launched, numbers[first : first + together]).run()


class _Threads:
    """The threads of some blocks, their registers and their shared memory."""

    def __init__(self, launched: _Launch, blocks: Sequence[int]) -> None:
        grid, block, shared_bytes = launched.grid, launched.block, launched.shared_bytes
        self.launched, self.threads, self.blocks = launched, prod(block), len(blocks)
        self.count = self.threads * self.blocks
        self.lanes = np.arange(self.count)
        thread, of_block = self.lanes % self.threads, np.repeat(np.asarray(blocks), self.threads)
        self.of_grid = of_block * self.threads + thread
        self.special: dict[str, Numbers] = {"%dynamic_smem_size": np.full(self.count, shared_bytes, np.uint32)}
        for axis, name in enumerate("xyz"):
            self.special[f"%tid.{name}"] = (thread // prod(block[:axis]) % block[axis]).astype(np.uint32)
            self.special[f"%ctaid.{name}"] = (of_block // prod(grid[:axis]) % grid[axis]).astype(np.uint32)
            self.special[f"%ntid.{name}"] = np.full(self.count, block[axis], np.uint32)
            self.special[f"%nctaid.{name}"] = np.full(self.count, grid[axis], np.uint32)
        self.registers: dict[str, Numbers] = {}
        self.shared_room = -(-shared_bytes // WIDEST) * WIDEST
        words = self.shared_room * self.blocks // 4
        self.shared = np.zeros(words, np.uint32)
        self.shared_known = np.zeros(words, bool)
        self.shared_writer, self.shared_reader = np.full(words, NOBODY), np.full(words, NOBODY)

    def run(self) -> None:
        """All threads to their ends."""
        instructions, steps = self.launched.kernel.instructions, 0
        bound = [None if code.opcode in CONTROL else self._bind(code) for code in instructions]
        counter = np.zeros(self.count, np.int64)
        while (at := int(counter.min())) < ENDED:
            if at >= WAITING:
                self._meet(counter)
                continue
            here = counter == at
            others = int(counter.min(where=~here, initial=len(instructions)))
            lanes = slice(None) if here.all() else here
            with np.errstate(all="ignore"):
                while at < others and (step := bound[at]):
                    step(lanes)
                    at += 1
                    steps += 1
            if at < others:
                self._turn(instructions[at], at, here, counter)
            else:
                counter[here] = at
            if (steps := steps + 1) > MOST_STEPS:
                raise FaultError(f"no end after {MOST_STEPS} instructions")

    def _turn(self, code: Instruction, at: int, here: NDArray[np.bool_], counter: NDArray[np.int64]) -> None:
        """A branch, a barrier or the end, for the threads that are here."""
        counter[here] = at + 1
        taken = here & self._guard(code.guard) if code.guard else here
        if code.opcode == "ret":
            counter[taken] = ENDED
        elif code.opcode == "bar.sync":
            counter[taken] += WAITING
        else:
            counter[taken] = self.launched.kernel.labels[code.operands[0]]

    def _meet(self, counter: NDArray[np.int64]) -> None:
        """Let the blocks pass their barriers, when all threads of each have come to the same one."""
        of_block = counter.reshape(self.blocks, self.threads)
        apart = np.flatnonzero((of_block != of_block[:, :1]).any(axis=1))
        if apart.size:
            places, counts = np.unique(of_block[apart[0]], return_counts=True)
            came = counts[np.argmax((places >= WAITING) & (places < ENDED))]
            raise FaultError(f"bar.sync: {came} of the {self.threads} threads of a block come to it")
        counter[counter < ENDED] -= WAITING
        self.shared_writer[:], self.shared_reader[:] = NOBODY, NOBODY

    # --- operands

    def _register(self, name: str) -> Numbers:
        """All lanes of a register; before the first write they hold what should be noticed: NaN, -1."""
        if name not in self.registers:
            declared = self.launched.kernel.registers
            dtype = declared.get(name, declared.get(name.rstrip("0123456789")))
            if dtype is None:
                raise UnknownError(f"{name} is no register that is declared, nor a special one in the table")
            self.registers[name] = np.full(self.count * dtype.itemsize, 0xFF, np.uint8).view(dtype)
        return self.registers[name]

    def _target(self, name: str, dtype: np.dtype[Any]) -> Numbers:
        register = self._register(name)
        if register.itemsize != dtype.itemsize:
            raise UnknownError(f"{name} is {register.itemsize} bytes wide and written as {dtype.itemsize}")
        return register.view(dtype)

    def _source(self, name: str, dtype: np.dtype[Any]) -> Numbers:
        """A register, or the lower half of one, which cvt may take."""
        register = self._register(name)
        if register.itemsize < dtype.itemsize:
            raise UnknownError(f"{name} is {register.itemsize} bytes wide and read as {dtype.itemsize}")
        return register.view(dtype)[:: register.itemsize // dtype.itemsize]

    def _operand(self, text: str, dtype: np.dtype[Any]) -> Any:
        """A register, a special one, the address of shared memory or a literal, as an array of a type."""
        if text in self.special:
            return self.special[text].view(dtype)
        if text.startswith("%"):
            return self._source(text, dtype)
        if text in self.launched.kernel.shared:
            return np.array(SHARED_START, dtype)
        if text.startswith("0f"):
            return np.array(int(f"0x{text[2:]}", 0), np.uint32).view(dtype)
        return np.array(int(text, 0) % (1 << 8 * dtype.itemsize), f"u{dtype.itemsize}").view(dtype)

    def _guard(self, guard: str) -> NDArray[np.bool_]:
        holds = self._source(guard.lstrip("!"), TYPES["pred"])
        return ~holds if guard.startswith("!") else holds

    # --- instructions

    def _bind(self, code: Instruction) -> Step:
        """The instruction as a function of the lanes that run it: a mask, or all."""
        access = ACCESS.fullmatch(code.opcode)
        if access and access[2] == "param":
            step = self._parameter(code, TYPES[access[4]])
        elif access:
            step = self._access(code, access[1] == "ld", access[2] == "shared", TYPES[access[4]])
        elif any(operand.startswith("{") for operand in code.operands):
            step = self._packing(code)
        else:
            step = self._arithmetic(code)
        if not code.guard:
            return step

        def guarded(lanes: Any) -> None:
            some = np.zeros(self.count, bool)
            some[lanes] = True
            some &= self._guard(code.guard)
            if some.any():
                step(some)

        return guarded

    def _arithmetic(self, code: Instruction) -> Step:
        compute, result, kinds = arithmetic(code.opcode)
        name, *texts = code.operands
        target = self._target(name, result)
        sources = [np.broadcast_to(self._operand(*pair), self.count) for pair in zip(texts, kinds, strict=True)]
        divides = code.opcode.startswith(("div.", "rem."))

        def step(lanes: Any) -> None:
            if divides and not sources[1][lanes].all():
                self._fault(code, "divides by zero", lanes, sources[1][lanes] == 0)
            values = compute(*(source[lanes] for source in sources))
            target[lanes] = values if values.dtype == result else values.astype(result)

        return step

    def _packing(self, code: Instruction) -> Step:
        """mov.b32 {%a, %b}, %c or mov.b32 %c, {%a, %b}: the first is the lower half."""
        if code.opcode != "mov.b32":
            raise UnknownError(f"{code.opcode} with a vector is not in the tables of instructions")
        packs = code.operands[1].startswith("{")
        vector, whole = code.operands[:: -1 if packs else 1]
        word = self._target(whole, TYPES["b32"]).view(np.uint16).reshape(-1, 2)
        halves = [self._target(name, TYPES["b16"]) for name in OPERAND.findall(vector[1:-1])]

        def step(lanes: Any) -> None:
            for number, half in enumerate(halves):
                source, target = (half, word[:, number]) if packs else (word[:, number], half)
                target[lanes] = source[lanes]

        return step

    def _parameter(self, code: Instruction, dtype: np.dtype[Any]) -> Step:
        name, place = code.operands
        index = self.launched.kernel.parameters.get(place[1:-1])
        if index is None:
            raise UnknownError(f"{code}: no parameter, or a part of one")
        target, value = self._target(name, dtype), np.array(self.launched.parameters[index], np.int64).view(dtype)

        def step(lanes: Any) -> None:
            target[lanes] = value

        return step

    def _access(self, code: Instruction, loads: bool, shared: bool, dtype: np.dtype[Any]) -> Step:
        """Of one number or a vector, in global or shared memory."""
        texts, place = code.operands if loads else code.operands[::-1]
        names = OPERAND.findall(texts.strip("{}"))
        if loads:
            registers = [self._target(name, dtype) for name in names]
        else:
            registers = [np.broadcast_to(self._operand(name, dtype), self.count) for name in names]
        base, _, offset = place[1:-1].partition("+")
        pointer, offset = self._operand(base, TYPES["s64"]), int(offset or "0")
        pointers = np.broadcast_to(pointer, self.count)
        count, find = len(names), self._in_shared if shared else self._in_array
        neighbours = np.arange(count)

        def step(lanes: Any) -> None:
            addresses = pointers[lanes] + offset
            width = count * dtype.itemsize
            if (addresses % width).any():
                self._fault(code, f"is not aligned to {width} bytes", lanes, addresses % width != 0)
            memory, starts = find(code, loads, lanes, addresses, width)
            index = starts[:, None] // dtype.itemsize + neighbours
            memory = memory.view(dtype)
            if loads:
                values = memory[index]
                for number, register in enumerate(registers):
                    register[lanes] = values[:, number]
            else:
                memory[index] = np.stack([register[lanes] for register in registers], axis=1)

        return step

    # --- memory

    def _in_array(self, code: Instruction, loads: bool, lanes: Any, addresses: Any, width: int) -> tuple[Any, Any]:
        """The array that all these accesses are in, and where, in bytes."""
        start = int(addresses[0]) // ARRAY_STEP * ARRAY_STEP + ARRAY_START
        array = self.launched.arrays.get(start)
        if array is None:
            self._fault(code, "is in no array", lanes, addresses == addresses[0])
        starts = addresses - start
        outside = (starts < 0) | (starts + width > array.data.nbytes)
        if outside.any():
            self._fault(code, f"is outside {array.name}", lanes, outside)
        if not loads:
            if not array.writable:
                self._fault(code, f"writes to {array.name}", lanes, starts >= 0)
            index = starts[:, None] // array.data.itemsize + np.arange(max(1, width // array.data.itemsize))
            own, before = self.of_grid[lanes][:, None], array.writer[index]
            array.writer[index] = own
            twice = ((before != NOBODY) & (before != own)) | (array.writer[index] != own)
            if twice.any():
                self._fault(code, f"writes to {array.name} where another thread has", lanes, twice.any(axis=1))
        return array.room, starts

    def _in_shared(self, code: Instruction, loads: bool, lanes: Any, addresses: Any, width: int) -> tuple[Any, Any]:
        """Shared memory of all blocks, and where in it, in bytes."""
        starts = addresses - SHARED_START
        outside = (starts < 0) | (starts + width > self.launched.shared_bytes)
        if outside.any():
            self._fault(code, "is outside shared memory", lanes, outside)
        own = self.lanes[lanes]
        starts = starts + own // self.threads * self.shared_room
        own, words = own[:, None], starts[:, None] // 4 + np.arange(max(1, width // 4))
        writer, reader = self.shared_writer[words], self.shared_reader[words]
        if loads:
            if not self.shared_known[words].all():
                self._fault(code, "reads what its block has not written", lanes, ~self.shared_known[words].all(axis=1))
            self.shared_reader[words] = own
            several = ((reader != NOBODY) & (reader != own)) | (self.shared_reader[words] != own)
            self.shared_reader[words[several]] = SEVERAL
            races = (writer != NOBODY) & (writer != own)
        else:
            self.shared_known[words] = True
            self.shared_writer[words] = own
            races = ((writer != NOBODY) & (writer != own)) | (self.shared_writer[words] != own)
            races |= (reader != NOBODY) & (reader != own)
        if races.any():
            self._fault(code, "races with another thread, no barrier between", lanes, races.any(axis=1))
        return self.shared, starts

    def _fault(self, code: Instruction, fact: str, lanes: Any, wrong: Any) -> None:
        """Raise it for the first of the lanes at which it is wrong."""
        lane = self.lanes[lanes][np.flatnonzero(wrong)[0]]
        thread, block = (
            tuple(int(self.special[f"%{kind}.{axis}"][lane]) for axis in "xyz") for kind in ("tid", "ctaid")
        )
        raise FaultError(f"{code}: {fact} (thread {thread} of block {block})")
