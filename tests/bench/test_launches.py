"""Samples of launches: as many in a row as last long enough and the queue holds, and a host that waits is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from groupcalc.bench.launches import FEW, LATE, buffer_sets, held_bytes, late, launch_burst, launches_for
from groupcalc.bench.result import Case
from groupcalc.bench.timing import BURST_S
from groupcalc.conv import conv
from groupcalc.kernels.cuda.events import BUFFERS, MOST_QUEUED, Sample


class Device:
    """Stands for a sampler: a launch takes `seconds`, and up to `room` of them can be queued."""

    def __init__(self, seconds: float, room: int = MOST_QUEUED) -> None:
        self.seconds, self.room = seconds, room
        self.asked: list[tuple[int, int]] = []

    def __call__(self, samples: int, calls: int) -> list[Sample]:
        self.asked.append((samples, calls))
        return [Sample(device_s=self.seconds, host_s=1e-6, queued=calls <= self.room)] * samples


@pytest.mark.parametrize(
    ("seconds", "launches"), [(1e-3, 1), (5e-4, 1), (1e-4, 5), (3e-6, 167), (1e-6, MOST_QUEUED), (0.0, MOST_QUEUED)]
)
def test_a_sample_lasts_half_a_millisecond_unless_the_queue_is_full(seconds: float, launches: int) -> None:
    assert launches_for(Device(seconds)) == launches


def test_launches_that_the_queue_does_not_hold_are_fewer() -> None:
    device = Device(1e-6, room=100)
    assert launches_for(device) == 64
    assert device.asked == [(1, FEW), (1, 256), (1, 128), (1, 64)]


def test_a_host_that_always_waits_is_said_to_and_measured_all_the_same() -> None:
    device = Device(1e-5, room=0)
    assert late(device) == LATE
    assert launches_for(device) == 50
    assert late(Device(1e-6)) == ""


def test_a_turn_takes_samples_for_a_while_and_one_at_least() -> None:
    ticks: Iterator[int] = count()
    device = Device(2e-5)
    # The clock is read at the start and after each sample.
    assert launch_burst(device, 25, lambda: next(ticks) * BURST_S / 3) == [2e-5] * 3
    assert device.asked == [(1, 25)] * 3
    assert launch_burst(device, 25, lambda: next(ticks) * BURST_S) == [2e-5]


def test_what_a_case_holds_is_its_buffers_in_turn_and_its_weights() -> None:
    case = Case(name="a", conv=conv(4, 8, 3, (10, 10), bias=False), threads=1, device="cuda")
    x, y, w = 4 * 4 * 10 * 10, 4 * 8 * 8 * 8, 4 * 8 * 4 * 9
    assert buffer_sets(case, l2_bytes=3 * (x + y)) == 2 * 3 + 1
    assert held_bytes(case, l2_bytes=3 * (x + y)) == 7 * (x + y) + w
    assert held_bytes(case, l2_bytes=2**40) == BUFFERS * (x + y) + w


def test_a_chain_holds_two_outputs_and_weights_for_each_layer() -> None:
    case = Case(name="a", conv=conv(4, 4, 1, (5, 5)), threads=1, chain=3, device="cuda")
    plane, weights = 4 * 4 * 5 * 5, 4 * (4 * 4 + 4)
    assert held_bytes(case, l2_bytes=0) == 3 * plane + 3 * weights
