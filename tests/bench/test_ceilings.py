"""Ceilings: probed or given, under the names of this machine's memories; and the least time of a case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from groupcalc.bench.ceilings import ceilings, falling, given_ceilings, higher, launch
from groupcalc.bench.estimates import estimate
from groupcalc.bench.result import Case
from groupcalc.conv import conv
from groupcalc.costs.roofline import Ceilings
from groupcalc.kernels import probes
from groupcalc.kernels.host import HOSTS
from groupcalc.kernels.probes import Probed, probe

MIB = 2**20
PROBED = Probed(peak_flops_per_s=100e9, bandwidths={2 * MIB: 90e9, MIB: 100e9, 64 * MIB: 20e9})
CACHES = {"L1": 2**15, "L2": MIB, "L3": 32 * MIB}


@pytest.mark.parametrize(("threads", "names"), [(1, ["L2", "L3", "DRAM"]), (2, ["L2", "L2", "DRAM"])])
def test_each_thread_has_its_own_cache_but_for_the_last(threads: int, names: list[str]) -> None:
    found = ceilings(PROBED, threads, CACHES)
    assert [level.name for level in found.levels] == names
    assert [level.working_set for level in found.levels] == [MIB, 2 * MIB, 64 * MIB]


def test_the_higher_of_two_measurements_counts_figure_by_figure() -> None:
    one = ceilings(PROBED, 1, CACHES)
    other = ceilings(Probed(peak_flops_per_s=90e9, bandwidths={MIB: 110e9, 2 * MIB: 80e9, 64 * MIB: 21e9}), 1, CACHES)
    best = higher(one, other)
    assert best.peak_flops_per_s == 100e9
    assert [level.bandwidth_bytes_per_s for level in best.levels] == [110e9, 90e9, 21e9]


def test_taps_on_padding_are_no_work() -> None:
    case = Case(name="a", conv=conv(512, 512, 3, (7, 7), padding=1), threads=1)
    # Of 3 taps along an axis of 7, the first has no pixel at one end and the last none at the other: 21 - 2.
    assert estimate(case, ceilings(PROBED, 1, CACHES)).estimate_s == pytest.approx(2 * 512 * 512 * 19 * 19 / 100e9)
    assert case.cost.macs == 512 * 512 * 9 * 7 * 7


def test_a_chain_has_the_bandwidth_of_all_its_layers_and_the_bytes_of_one() -> None:
    layer = conv(64, 64, 3, (48, 48), padding=1, groups=64, bias=False)
    one, long = (Case(name="a", conv=layer, threads=1, chain=chain) for chain in (1, 99))
    traffic = 4 * (2 * 64 * 48 * 48 + 64 * 9)
    assert estimate(one, ceilings(PROBED, 1, CACHES)).memory_level == "L2"
    found = estimate(long, ceilings(PROBED, 1, CACHES))
    assert (found.bound, found.memory_level) == ("memory", "DRAM")
    assert found.estimate_s == pytest.approx(traffic / 20e9)


def test_cold_operands_come_from_the_slowest_memory() -> None:
    layer = conv(64, 64, 3, (48, 48), padding=1, groups=64, bias=False)
    cold = Case(name="a", conv=layer, threads=1, cold=True)
    found = estimate(cold, ceilings(PROBED, 1, CACHES))
    assert found.memory_level == "DRAM"
    assert found.memory_s == pytest.approx(4 * (2 * 64 * 48 * 48 + 64 * 9) / 20e9)


class Clock:
    """A clock that every reading moves on by a millisecond, so that a call between two of them takes one."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


def test_the_probes_count_their_flops_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "WORKING_SETS", (2**16, 2**20))
    monkeypatch.setattr(probes, "this_host", lambda: HOSTS["portable"])
    found = probe(1, Clock())
    # 12 sums of 4 lanes, each two FLOPs a round, in the one millisecond that this clock gives a call.
    assert found.peak_flops_per_s == pytest.approx(2 * 12 * 4 * probes.ROUNDS / 0.001)
    assert found.bandwidths == pytest.approx({2**16: probes.MOVED_BYTES / 0.001, 2**20: probes.MOVED_BYTES / 0.001})


def test_the_launch_is_the_shortest_call_of_the_smallest_layer() -> None:
    assert launch(1, Clock()) == pytest.approx(0.001)


def test_the_lower_of_two_launches_counts() -> None:
    one, other = (replace(ceilings(PROBED, 1, CACHES), launch_s=seconds) for seconds in (3e-6, 2e-6))
    assert higher(one, other).launch_s == 2e-6


def measured() -> Ceilings:
    return replace(ceilings(PROBED, 1, CACHES), launch_s=3e-6)


def test_what_is_given_stands_in_the_place_of_what_is_measured() -> None:
    assert given_ceilings(1, None, None, measured) == measured()
    peak = given_ceilings(1, 7e9, None, measured)
    assert (peak.peak_flops_per_s, peak.levels, peak.launch_s, peak.given) == (7e9, measured().levels, 3e-6, True)
    memory = given_ceilings(1, None, 5e9, measured)
    assert memory.peak_flops_per_s == 100e9
    assert [level.bandwidth_bytes_per_s for level in memory.levels] == [5e9]


def test_nothing_is_measured_when_both_are_given() -> None:
    def never() -> Ceilings:
        raise AssertionError("measured")

    both = given_ceilings(2, 7e9, 5e9, never)
    assert (both.threads, both.peak_flops_per_s, both.level(10**9).bandwidth_bytes_per_s) == (2, 7e9, 5e9)


def test_a_small_working_set_is_no_slower_than_a_large_one() -> None:
    disturbed = ceilings(Probed(peak_flops_per_s=1e9, bandwidths={MIB: 5e9, 2 * MIB: 90e9, 64 * MIB: 20e9}), 1, CACHES)
    assert [level.bandwidth_bytes_per_s for level in falling(disturbed).levels] == [90e9, 90e9, 20e9]
