"""The interpreter of PTX computes what its instructions say, and stops at each fault that it is there for."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.cuda import interpreter
from tests.kernels.cuda.interpreter import NOBODY, Array, FaultError, launch
from tests.kernels.cuda.ptx import UnknownError, parse

THREADS, BLOCKS = 8, 2

# x and y, seven parameters each; then the addresses of a thread's own number in x, y and shared memory, and its number.
START = f"""
.extern .shared .align 4 .b8 room[];
.visible .entry kernel({", ".join(f".param .u64 kernel_param_{number}" for number in range(14))})
{{
    .reg .pred %p<9>;  .reg .b16 %h<9>;  .reg .b32 %r<9>;  .reg .b64 %rd<9>;  .reg .f32 %f<9>;
    ld.param.u64 %rd1, [kernel_param_4];
    ld.param.u64 %rd2, [kernel_param_11];
    mov.u32 %r1, %tid.x;
    mov.u32 %r2, %ctaid.x;
    mov.u32 %r3, %ntid.x;
    mad.lo.s32 %r4, %r2, %r3, %r1;
    mad.wide.s32 %rd1, %r4, 4, %rd1;
    mad.wide.s32 %rd2, %r4, 4, %rd2;
    mov.u64 %rd3, room;
    mad.wide.s32 %rd3, %r1, 4, %rd3;
    mov.f32 %f1, 0f3F800000;
"""


def run(body: str, threads: int = THREADS, blocks: int = BLOCKS) -> Array:
    """y of THREADS·BLOCKS numbers, as is x: 0, 1, 2 …; a block has shared memory for one number a thread."""
    count = THREADS * BLOCKS
    y = Array("y", np.full(count, np.nan, np.float32), writable=True)
    arguments = (Array("x", np.arange(count, dtype=np.float32)), y)
    launch(parse(f"{START} {body} ret; }}"), (blocks, 1, 1), (threads, 1, 1), arguments, shared_bytes=4 * THREADS)
    return y


# --- what instructions compute --------------------------------------------------------------------------------------

INTEGERS = {
    "add.s64 %rd4, -7, 2;": -5,
    "sub.s64 %rd4, -7, 2;": -9,
    "mul.lo.s64 %rd4, 4294967296, 4294967297;": 2**32,
    "mul.hi.s64 %rd4, -4294967296, 4294967296;": -1,
    "mul.hi.u64 %rd4, -1, -1;": -2,  # (2⁶⁴ - 1)² is 2¹²⁸ - 2·2⁶⁴ + 1
    "mul.wide.s32 %rd4, -65536, 65536;": -(2**32),
    "mul.wide.u32 %rd4, -1, 2;": 2 * (2**32 - 1),
    "div.s64 %rd4, -7, 2;": -3,
    "rem.s64 %rd4, -7, 2;": -1,
    "div.s64 %rd4, -6, -2;": 3,
    "div.u64 %rd4, -2, 2;": 2**63 - 1,
    "min.s64 %rd4, -1, 1;": -1,
    "min.u64 %rd4, -1, 1;": 1,
    "shl.b64 %rd4, 3, 2;": 12,
    "shl.b64 %rd4, 1, 64;": 0,
    "shr.s64 %rd4, -8, 2;": -2,
    "shr.s64 %rd4, -8, 99;": -1,
    "shr.u64 %rd4, -8, 1;": 2**63 - 4,
    "and.b64 %rd4, 12, 10;": 8,
    "xor.b64 %rd4, 12, 10;": 6,
    "not.b64 %rd4, 5;": -6,
    "neg.s64 %rd4, 5;": -5,
    "cvt.s64.s32 %rd4, -1;": -1,
    "cvt.u64.u32 %rd4, -1;": 2**32 - 1,
    "mov.u64 %rd5, -4294967295; cvt.s64.s32 %rd4, %rd5;": 1,  # the lower half
    "setp.lt.s64 %p1, -1, 1; selp.b64 %rd4, 3, 4, %p1;": 3,
    "setp.lt.u64 %p1, -1, 1; selp.b64 %rd4, 3, 4, %p1;": 4,
    "setp.ge.s32 %p1, 1, 1; not.pred %p2, %p1; xor.pred %p3, %p1, %p2; @!%p3 mov.u64 %rd4, 5; @%p3 mov.u64 %rd4, 6;": 6,
}


@pytest.mark.parametrize("body", INTEGERS)
def test_integers_are_those_of_their_width(body: str) -> None:
    y = run(f"{body} st.global.b64 [%rd2], %rd4;", threads=1, blocks=1)
    assert y.data[:2].view(np.int64)[0] == INTEGERS[body]


def test_a_fused_multiply_add_rounds_once() -> None:
    # (1 + 2⁻²³)² - 1 is 2⁻²² + 2⁻⁴⁶; rounded between, the last term would be lost.
    y = run("fma.rn.f32 %f2, 0f3F800001, 0f3F800001, 0fBF800000; st.global.f32 [%rd2], %f2;")
    assert (y.data == 2.0**-22 + 2.0**-46).all()


def test_halves_are_packed_lower_first_and_rounded_to_nearest() -> None:
    body = """
        cvt.rn.f16.f32 %h1, 0f3F801000;  // 1 + 2⁻¹¹, half way to the next: to even, 1
        cvt.rn.f16.f32 %h2, 0f40000000;
        { .reg .b16 %low; mov.b16 %low, %h1; mov.b32 %r5, {%low, %h2}; }
        mov.b32 {%h3, %h4}, %r5;
        cvt.f32.f16 %f2, %h3; cvt.f32.f16 %f3, %h4; fma.rn.f32 %f2, %f3, 0f41200000, %f2;
        st.global.f32 [%rd2], %f2;
    """
    assert (run(body).data == 1 + 10 * 2).all()


def test_threads_that_part_come_together_again() -> None:
    # Thread t adds one t times, then hands its sum to the thread across, past a barrier.
    body = """
        mov.f32 %f2, 0f00000000; mov.u32 %r5, 0;
        $turn:
        setp.ge.s32 %p1, %r5, %r1; @%p1 bra $done;
        add.f32 %f2, %f2, %f1; add.s32 %r5, %r5, 1; bra.uni $turn;
        $done:
        st.shared.f32 [%rd3], %f2; bar.sync 0;
        xor.b32 %r6, %r1, 7; mov.u64 %rd4, room; mad.wide.s32 %rd4, %r6, 4, %rd4;
        ld.shared.f32 %f3, [%rd4]; st.global.f32 [%rd2], %f3;
    """
    assert run(body).data.tolist() == [7, 6, 5, 4, 3, 2, 1, 0] * 2


def test_some_blocks_write_what_is_theirs() -> None:
    y = Array("y", np.zeros(16, np.float32), writable=True)
    kernel = parse(f"{START} ld.global.f32 %f2, [%rd1]; st.global.f32 [%rd2], %f2; ret; }}")
    launch(kernel, (4, 1, 1), (4, 1, 1), (Array("x", np.arange(16, dtype=np.float32)), y), blocks=[1, 3])
    assert y.data.tolist() == [*[0] * 4, 4, 5, 6, 7, *[0] * 4, 12, 13, 14, 15]
    assert np.flatnonzero(y.writer == NOBODY).tolist() == [0, 1, 2, 3, 8, 9, 10, 11]


# --- faults ---------------------------------------------------------------------------------------------------------

LAST, FIRST = r"\(thread \(7, 0, 0\) of block \(1, 0, 0\)\)", r"\(thread \(0, 0, 0\) of block \(0, 0, 0\)\)"
OWN, NEXT = "st.shared.f32 [%rd3], %f1;", "xor.b64 %rd4, %rd3, 4;"

FAULTS = {
    "behind-the-array": ("ld.global.f32 %f2, [%rd1+4];", f"is outside x {LAST}"),
    "before-the-array": ("ld.global.f32 %f2, [%rd1+-4];", f"is outside x {FIRST}"),
    "a-vector-over-the-end": ("and.b64 %rd4, %rd1, -8; ld.global.v2.f32 {%f2, %f3}, [%rd4+8];", "is outside x"),
    "in-no-array": ("ld.global.f32 %f2, [64];", "is in no array"),
    "behind-shared-memory": ("st.shared.f32 [%rd3+4], %f1;", r"is outside shared memory \(thread \(7, 0, 0\)"),
    "before-shared-memory": ("st.shared.f32 [%rd3+-4], %f1;", r"is outside shared memory \(thread \(0, 0, 0\)"),
    "not-aligned": ("ld.global.v2.f32 {%f2, %f3}, [%rd1];", r"is not aligned to 8 bytes \(thread \(1, 0, 0\)"),
    "not-aligned-in-shared-memory": ("st.shared.v4.f32 [%rd3], {%f1, %f1, %f1, %f1};", "is not aligned to 16 bytes"),
    "not-written-before": ("ld.shared.f32 %f2, [%rd3];", "reads what its block has not written"),
    "written-by-another": (f"{OWN} {NEXT} ld.shared.f32 %f2, [%rd4];", "races with another thread"),
    "read-by-another": (f"{OWN} bar.sync 0; {NEXT} ld.shared.f32 %f2, [%rd4]; {OWN}", "races with another thread"),
    "read-by-two": (f"{OWN} bar.sync 0; ld.shared.f32 %f2, [room]; st.shared.f32 [room], %f1;", "races with another"),
    "both-write": ("st.shared.f32 [room], %f1;", "races with another thread"),
    "some-at-the-barrier": ("setp.lt.s32 %p1, %r1, 3; @%p1 bar.sync 0;", "bar.sync: 3 of the 8 threads"),
    "two-barriers": (
        "setp.lt.s32 %p1, %r1, 3; @%p1 bra $other; bar.sync 0; bra.uni $end; $other: bar.sync 0; $end:",
        "bar.sync: 5 of the 8 threads",
    ),
    "writes-what-is-given": ("st.global.f32 [%rd1], %f1;", "writes to x"),
    "two-blocks-one-output": (
        "ld.param.u64 %rd4, [kernel_param_11]; mad.wide.s32 %rd4, %r1, 4, %rd4; st.global.f32 [%rd4], %f1;",
        "writes to y where another thread has",
    ),
    "two-threads-one-output": ("and.b64 %rd4, %rd2, -8; st.global.f32 [%rd4], %f1;", "where another thread has"),
    "by-zero": ("div.u32 %r5, 1, %r1;", r"divides by zero \(thread \(0, 0, 0\)"),
    "no-end": ("$turn: bra.uni $turn;", "no end after"),
}


@pytest.mark.parametrize("lanes", [THREADS, THREADS * BLOCKS], ids=["blocks-in-turn", "blocks-at-once"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_stops_the_kernel(fault: str, lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    body, message = FAULTS[fault]
    monkeypatch.setattr(interpreter, "MOST_STEPS", 1000)
    monkeypatch.setattr(interpreter, "LANES", lanes)
    with pytest.raises(FaultError, match=message):
        run(body)


@pytest.mark.parametrize(
    "body",
    [
        f"{OWN} bar.sync 0; {NEXT} ld.shared.f32 %f2, [%rd4]; bar.sync 0; {OWN}",
        f"{OWN} ld.shared.f32 %f2, [%rd3]; {OWN}",
        f"{OWN} bar.sync 0; ld.shared.f32 %f2, [room];",
        "st.global.f32 [%rd2], %f1; st.global.f32 [%rd2], %f1;",
    ],
)
def test_what_is_no_fault_passes(body: str) -> None:
    run(body)


@pytest.mark.parametrize(
    "body",
    [
        "ex2.approx.f32 %f2, %f1;",
        "atom.global.add.u32 %r5, [%rd2], 1;",
        "add.f16 %h1, %h1, %h1;",
        "mul.wide.s64 %rd4, 1, 1;",
        "bar.sync 1, 32;",
    ],
)
def test_an_instruction_that_is_not_known_is_named(body: str) -> None:
    with pytest.raises(UnknownError, match=body.split()[0]):
        run(body)


def test_a_register_that_is_not_known_is_named() -> None:
    with pytest.raises(UnknownError, match="%laneid"):
        run("mov.u32 %r5, %laneid;")
