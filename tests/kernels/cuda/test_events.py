"""Samples of the device's time: everything is queued first, buffers rotate, and a host that is late is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from groupcalc.kernels.cuda.events import BUFFERS, LONGEST_HOLD_S, Events, Sampler, rotations


class Device:
    """A stopwatch that notes what it is asked; it is still held when it was held for `needs` seconds or longer."""

    def __init__(self, needs: float) -> None:
        self.needs, self.holds = needs, [0.0]
        self.noted: list[str] = []

    def hold(self, seconds: float) -> None:
        self.holds.append(seconds)
        self.noted.append("hold")

    def start(self) -> None:
        self.noted.append("start")

    def stop(self) -> None:
        self.noted.append("stop")

    def held(self) -> bool:
        return self.holds[-1] >= self.needs

    def elapsed_s(self) -> float:
        return 12.0

    def launch(self, name: str) -> Callable[[], None]:
        return lambda: self.noted.append(name)


@pytest.fixture
def clock() -> Callable[[], float]:
    ticks: Iterator[int] = count(step=3)
    return lambda: float(next(ticks))


def test_launches_take_their_buffers_in_turn_behind_a_hold(clock: Callable[[], float]) -> None:
    device = Device(needs=0)
    (sample,) = Sampler(launches=[device.launch("a"), device.launch("b")], stopwatch=device, clock=clock)(1, 3)
    assert device.noted == ["a", "b", "hold", "start", "a", "b", "a", "stop"]
    assert sample.device_s == 12.0 / 3
    assert sample.host_s == 3 / 3
    assert sample.queued


def test_a_late_host_gets_a_longer_hold_from_then_on(clock: Callable[[], float]) -> None:
    device = Device(needs=0.004)
    sampler = Sampler(launches=[device.launch("a")], stopwatch=device, clock=clock)
    samples = [*sampler(2, 1), *sampler(1, 1)]
    assert device.holds[1:] == [0.001, 0.002, 0.004, 0.004, 0.004]
    assert all(sample.queued for sample in samples)


def test_a_sample_goes_on_with_the_buffers_that_were_used_longest_ago(clock: Callable[[], float]) -> None:
    device = Device(needs=0)
    Sampler(launches=[device.launch(name) for name in "abc"], stopwatch=device, clock=clock)(2, 2)
    assert [name for name in device.noted if name in "abc"] == ["a", "b", "c", "a", "b", "c", "a"]


def test_a_host_that_is_always_late_is_said_to_be(clock: Callable[[], float]) -> None:
    device = Device(needs=2 * LONGEST_HOLD_S)
    (sample,) = Sampler(launches=[device.launch("a")], stopwatch=device, clock=clock)(1, 1)
    assert not sample.queued


def test_buffers_together_are_past_twice_the_cache() -> None:
    assert rotations(100, 1000) == 2 * 1000 / 100 + 1
    assert rotations(10**9, 50 * 2**20) == 2
    assert rotations(1, 50 * 2**20) == BUFFERS


def test_a_hold_is_no_longer_than_twice_what_the_host_needs() -> None:
    seconds = iter([0.0, 0.3, 1.0, 1.002, 2.0, 2.0])
    device = Device(needs=0)
    sampler = Sampler(launches=[device.launch("a")], stopwatch=device, clock=lambda: next(seconds), hold_s=0.1)
    sampler(3, 1)
    assert device.holds[1:] == [0.1, 0.1, pytest.approx(0.004)]
    assert sampler.hold_s == 0.001


class Gpu:
    """Stands for numba.cuda with a device: what is recorded happens a µs later, or when what lies before it is done."""

    def __init__(self) -> None:
        self.host_s = self.busy_until_s = 0.0

    def event(self) -> Recorded:
        return Recorded(self)

    def spin(self, seconds: float) -> None:
        self.busy_until_s = max(self.busy_until_s, self.host_s) + seconds


class Recorded:
    """An event, which Event.query of numba-cuda cannot be asked of."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu, self.at_s = gpu, 0.0

    def record(self) -> None:
        self.gpu.busy_until_s = self.at_s = max(self.gpu.busy_until_s, self.gpu.host_s) + 1e-6

    def synchronize(self) -> None:
        pass

    def elapsed_time(self, later: Recorded) -> float:
        return (later.at_s - self.at_s) * 1000


@pytest.mark.parametrize(("host_s", "queued"), [(0.001, True), (0.0099, True), (0.0101, False), (0.2, False)])
def test_a_hold_that_ends_before_all_is_queued_is_seen_by_the_times_alone(host_s: float, queued: bool) -> None:
    gpu = Gpu()
    watch = Events(gpu, gpu.spin, clock=lambda: gpu.host_s)
    watch.hold(0.010)
    watch.start()
    for _ in range(4):  # a launch of 5 µs, that the host takes a fourth of its time for
        gpu.host_s += host_s / 4
        gpu.spin(5e-6)
    watch.stop()
    assert watch.held() == queued
    if queued:
        assert watch.elapsed_s() == pytest.approx(4 * 5e-6 + 1e-6)
