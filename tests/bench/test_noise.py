"""Warnings: each where it holds, with its number and the remedy, and none where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from groupcalc.bench.noise import noise, unquiet
from groupcalc.bench.result import Timing
from groupcalc.bench.timing import SAMPLE_S

CALL_S = 2 * SAMPLE_S


def timing(*levels: float, a_turn: int = 4) -> Timing:
    """A turn of equal samples at each level, in units of a call."""
    samples = tuple(CALL_S * level for level in levels for _ in range(a_turn))
    return Timing(samples_s=samples, rounds=(a_turn,) * len(levels))


def test_quiet_samples_are_not_doubted() -> None:
    assert list(noise(timing(*(1.0, 1.01) * 6))) == []


def test_a_wide_spread_names_its_size_and_the_flag() -> None:
    # A third of the rounds at 0.8, a third at 1.2: so do the quartiles lie, 0.4 of the median apart.
    [line] = noise(timing(*(0.8, 1.0, 1.2) * 4))
    assert line == "the samples spread 40 % around their median: run again on a quiet machine or raise --min-time"


def test_a_median_that_others_made_is_said_however_narrow_it_is() -> None:
    """Two threads that wait for each other on a busy machine take a turn of the scheduler, time and again."""
    [line] = noise(timing(*[57.0] * 5, 1.0, *[57.0] * 5))
    assert line == (
        "the fastest sample takes 98 % less than the median, which tells of what else runs here: close that, "
        "or lower --threads"
    )


def test_outliers_are_counted() -> None:
    samples = [CALL_S] * 37 + [CALL_S * 3] * 3
    [line] = noise(Timing(samples_s=tuple(samples[::3] + samples[1::3] + samples[2::3]), rounds=(4,) * 10))
    assert line == "3 of 40 samples are outliers, up to ×3.0 of the median: close what else runs, or raise --runs"


def test_a_single_outlier_among_many_is_no_warning() -> None:
    assert list(noise(Timing(samples_s=(CALL_S,) * 39 + (9 * CALL_S,), rounds=(4,) * 10))) == []


@pytest.mark.parametrize(("levels", "word"), [((1.0, 1.1, 1.2), "slowed down"), ((1.2, 1.1, 1.0), "sped up")])
def test_drift_is_said_with_its_direction(levels: tuple[float, ...], word: str) -> None:
    lines = list(noise(timing(*(level for level in levels for _ in range(3)))))
    assert lines[0].startswith(f"it {word} by 18 % from the first rounds to the last")  # 0.2 of a median of 1.1
    assert "--warmup" in lines[0]


def test_rounds_that_go_up_and_down_do_not_drift() -> None:
    assert not any("from the first rounds" in line for line in noise(timing(*(1.0, 1.3) * 6)))


def test_few_rounds_and_short_samples_are_said() -> None:
    lines = list(noise(Timing(samples_s=(SAMPLE_S / 10,) * 3)))
    assert lines[0] == "3 rounds are too few to tell how far the median is sure: raise --runs"
    assert lines[1].startswith("a sample lasts only 50.0 µs")


def test_loops_make_a_sample_long() -> None:
    assert list(noise(Timing(samples_s=(SAMPLE_S / 10,) * 40, rounds=(4,) * 10, loops=10))) == []


def test_a_busy_machine_and_a_following_governor_are_said(tmp_path: Path) -> None:
    governor = tmp_path / "scaling_governor"
    governor.write_text("powersave\n")
    busy, frequency = unquiet(2, 2, load=lambda: (1.5, 9.0, 9.0), governor=governor)
    assert "a load of 1.5 on its 2 CPUs, of which 2 are to be measured" in busy
    assert "'powersave'" in frequency


@pytest.mark.parametrize(("threads", "cpus", "load"), [(2, 2, 0.1), (2, 8, 3.0)])
def test_a_quiet_machine_is_not_complained_about(threads: int, cpus: int, load: float, tmp_path: Path) -> None:
    governor = tmp_path / "scaling_governor"
    governor.write_text("performance\n")
    assert list(unquiet(threads, cpus, load=lambda: (load, 0.0, 0.0), governor=governor)) == []


def test_a_system_that_tells_nothing_is_not_complained_about(tmp_path: Path) -> None:
    def unable() -> tuple[float, float, float]:
        raise OSError("no load average")

    assert list(unquiet(2, 2, load=unable, governor=tmp_path / "absent")) == []
