"""Budgets of every kind on one network, with the verdict, the exit status and the message of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

SMALL = "small = Conv2d(128, 128, 3, padding=1, groups=32, bias=False) @ 56x56"
LARGE = "large = Conv2d(128, 128, 3, padding=1, groups=16, bias=False)"
"""128 · 128/G · 9 weights, each used at 56·56 places; every activation is 128·56·56 floats."""

SMALL_MACS = 128 * 4 * 9 * 56 * 56  # 14,450,688
LARGE_MACS = 128 * 8 * 9 * 56 * 56  # 28,901,376
MACS = SMALL_MACS + LARGE_MACS  # 43,352,064
PARAMS = 128 * 4 * 9 + 128 * 8 * 9  # 13,824
ACTIVATION = 4 * 128 * 56 * 56  # 1,605,632

BASES = {
    "same": LARGE,
    "lighter": LARGE.replace("groups=16", "groups=32"),  # 28,901,376 MACs: half as much again is new
    "heavier": LARGE.replace("groups=16", "groups=8"),  # 72,253,440 MACs
    "alone": "",  # the large layer is new
}


class Case(NamedTuple):
    """A budget, the base that it is judged against, and what is said of it."""

    budget: str
    code: int
    said: str
    base: str = ""
    flags: tuple[str, ...] = ()


def good(budget: str, base: str = "") -> Case:
    return Case(budget, 0, "pass", base)


def broken(budget: str, over: str, base: str = "", flags: tuple[str, ...] = ()) -> Case:
    return Case(budget, 1, f"FAIL|{over}", base, flags)


CASES = [
    # absolute, and kept
    good("macs <= 43.352064M"),
    good("macs <= 43_352_064"),
    good("macs < 43_352_065"),
    good("macs >= 43.352064 MMACs"),
    good("macs > 43_352_063"),
    good("macs == 43_352_064"),
    good("macs <= 1e9"),
    good("macs <= 0.1 GMACs"),
    good("macs <= 44 MMACs"),
    good("flops <= 86.8 MFLOPs"),
    good("params <= 14k"),
    good("params <= 14K"),
    good("buffers <= 0"),
    good("weight_bytes <= 54 KiB"),
    good("weight_bytes <= 55_296 B"),
    good("weight_bytes <= 0.06 MB"),
    good("input_bytes <= 3.1 MiB"),
    good("output_bytes <= 4M"),
    good("peak_activation_bytes <= 4Mi"),
    good("dense_macs >= 900 MMACs"),
    good("dense_params == 294_912"),
    good("layers == 2"),
    good("uncounted <= 0"),
    good("max(macs) <= 29M"),
    good("sum(macs) == 43_352_064"),
    good("net.txt: macs <= 44M"),
    good("*.txt: macs <= 44M"),
    good('"net.txt": macs <= 44M'),
    good("net.txt::small: macs <= 14.5M"),
    good("net.txt::*: macs <= 29M"),
    good("net.txt::*: sum(macs) <= 44M"),
    good("macs <= max(1M, 44M)"),
    good("macs <= min(44M, 45M)"),
    # absolute, and broken: by how much, exactly
    broken("macs <= 43_352_063", "43.35 MMACs  1 MAC over"),
    broken("macs < 43_352_064", "43.35 MMACs  1 MAC over"),
    broken("macs <= 40M", "43.35 MMACs  3.352 MMACs over"),
    broken("macs >= 44M", "43.35 MMACs  647.9 kMACs under"),
    broken("macs == 43M", "43.35 MMACs  352.1 kMACs off"),
    broken("params <= 13.8k", "13.82 k params  24 params over"),
    broken("weight_bytes <= 53 KiB", "54.00 KiB  1.000 KiB over"),
    broken("layers <= 1", "2 layers  1 layer over"),
    broken("max(macs) <= 28M", "28.90 MMACs  901.4 kMACs over"),
    broken("net.txt::large: macs <= 28M", "net.txt::large  macs <= 28M  28.90 MMACs  901.4 kMACs over"),
    broken("net.txt::*: sum(params) < 10k", "13.82 k params  3.825 k params over"),
    broken("macs <= max(1M, 2M)", "41.35 MMACs over"),
    broken("macs <= min(44M, 2M)", "41.35 MMACs over"),
    # relative
    good("macs <= +0%", "same"),
    good("macs <= base", "same"),
    good("macs == base", "same"),
    good("macs <= +50%", "lighter"),
    good("macs <= +14_450_688", "lighter"),
    good("macs <= -40%", "heavier"),
    good("macs <= max(+2%, +15M)", "lighter"),
    good("macs <= max(44M, base)", "lighter"),
    good("macs <= max(40M, base)", "same"),
    good("macs >= -40%", "heavier"),
    broken("macs <= +0%", "28.90 → 43.35 MMACs  +50.0 %, 14.45 MMACs over", "lighter"),
    broken("macs < base", "43.35 → 43.35 MMACs  1 MAC over", "same"),
    broken("macs <= +49.9%", "28.90 → 43.35 MMACs  +50.0 %, 28.90 kMACs over", "lighter"),
    broken("macs <= max(+2%, +5M)", "+50.0 %, 9.451 MMACs over", "lighter"),
    broken("macs <= min(44M, +2%)", "+50.0 %, 13.87 MMACs over", "lighter"),
    broken("macs <= -50%", "72.25 → 43.35 MMACs  -40.0 %, 7.225 MMACs over", "heavier"),
    broken("params <= +0%", "9.216 → 13.82 k params  +50.0 %, 4.608 k params over", "lighter"),
    broken("net.txt::large: macs <= +0%", "14.45 → 28.90 MMACs  +100.0 %, 14.45 MMACs over", "lighter"),
    broken("weight_bytes <= +10 KiB", "36.00 → 54.00 KiB  +50.0 %, 8.000 KiB over", "lighter"),
    # pre-existing: the base broke it already
    Case("macs <= 40M", 0, "WARN|43.35 → 43.35 MMACs  pre-existing, not worsened (GC003)", "same"),
    Case("macs <= 40M", 0, "WARN|72.25 → 43.35 MMACs  pre-existing, and better than it was (GC003)", "heavier"),
    Case("macs >= 50M", 0, "WARN|pre-existing, not worsened (GC003)", "same"),
    Case("macs == 1M", 0, "WARN|pre-existing, and better than it was (GC003)", "heavier"),
    Case("macs <= min(40M, base)", 0, "WARN|pre-existing, not worsened (GC003)", "same"),
    broken("macs <= 40M", "pre-existing, not worsened (GC003)", "same", ("--strict",)),
    broken("macs <= 20M", "28.90 → 43.35 MMACs  +50.0 %, 23.35 MMACs over", "lighter"),
    broken("macs <= max(1M, -50%)", "72.25 → 43.35 MMACs  -40.0 %, 7.225 MMACs over", "heavier"),
    # new in the base, or without any base
    Case("net.txt::large: macs <= +0%", 0, "SKIP|new: the layer is not in the base (GC002)", "alone"),
    good("net.txt::large: macs <= max(29M, base)", "alone"),
    broken("net.txt::large: macs <= max(28M, base)", "28.90 MMACs  901.4 kMACs over", "alone"),
    Case("macs <= +2%", 2, "UNKNOWN|43.35 MMACs  there is no base: add --base FILE, DIR or git:REV (GC002)"),
    Case("macs <= base", 2, "UNKNOWN|there is no base"),
    Case("macs <= max(40M, base)", 2, "UNKNOWN|there is no base"),
    good("macs <= max(44M, base)"),
    broken("macs <= min(40M, base)", "43.35 MMACs  3.352 MMACs over"),
    Case("macs <= min(44M, base)", 2, "UNKNOWN|there is no base"),
    # selectors
    Case("other.txt: macs <= 1", 0, "SKIP|none of the models given is its"),
    Case("net.txt::none: macs <= 1", 1, "FAIL|no layer fits 'none' (GC004)"),
    # malformed
    Case("mac <= 1", 2, "there is no metric 'mac' (did you mean 'macs'?)"),
    Case("MACs <= 1", 2, "there is no metric 'MACs' (did you mean 'macs'?)"),
    Case("parameters <= 1", 2, "there is no metric 'parameters' (did you mean 'params'?)"),
    Case("macs <= 8.2 GFLOPs", 2, "macs is counted in MACs, not FLOPs (write 'flops …' for FLOPs)"),
    Case("flops <= 8.2 GMACs", 2, "flops is counted in FLOPs, not MACs (write 'macs …' for MACs)"),
    Case("macs <= 10%", 2, "'10%' has no sign (write +10% or -10%: a percentage is relative to the base)"),
    Case("params <= 7B", 2, "B stands for bytes (write 7G)"),
    Case("macs <= 4m", 2, "'4m' is no limit (write 4M)"),
    Case("macs <= 4g", 2, "'4g' is no limit (write 4G)"),
    Case("macs <= 4 gmacs", 2, "'4 gmacs' is no limit (write 4 GMACs)"),
    Case("macs <= 4Gi", 2, "Ki, Mi and Gi are for bytes (write 4G)"),
    Case("weight_bytes <= 4 mib", 2, "'4 mib' is no limit (write 4 MiB)"),
    Case("macs <= 4 MiB", 2, "macs is counted in MACs, not bytes (write 4M)"),
    Case("macs <= 4X", 2, "there is no suffix 'X' (use k M G T P, for bytes Ki Mi Gi as well)"),
    Case("macs <= 1,000,000", 2, "'1,000,000' has commas (write 1_000_000)"),
    Case("macs <= 4,1G", 2, "'4,1G' has a comma (write 4.1G)"),
    Case("macs <= .5G", 2, "'.5G' is no limit (write 0.5G)"),
    Case("macs <= 1e19", 2, "an exponent goes up to e18 (no network has that much)"),
    Case("macs <= −5%", 2, "'−5%' is no limit (write -5%)"),
    Case("macs <= + 5M", 2, "'+ 5M' is no limit (write +5M, without a space)"),
    Case("macs <= base + 2%", 2, "a limit has no arithmetic (write +2%: a sign says relative to the base)"),
    Case("macs <= base * 1.02", 2, "a limit has no arithmetic (write +2%: a percentage is relative to the base)"),
    Case("macs <= inf", 2, "'inf' is no limit (leave the budget out where there is none)"),
    Case("macs <=", 2, "a limit is missing (write macs <= 4.1G, +2% or base)"),
    Case("macs <= max(4G", 2, "its brackets do not fit (write max(4.1G, base), one inside the other is not known)"),
    Case("macs <= max(1,)", 2, "a limit is missing (write macs <= 4.1G, +2% or base)"),
    Case("macs <= avg(1G, 2G)", 2, "there is no 'avg' of limits (use max(…, …) or min(…, …))"),
    Case("avg(macs) <= 1G", 2, "there is no avg() of layers (use sum(macs) or max(macs))"),
    Case("sum(layers) <= 1", 2, "layers is a figure of a whole model (write layers alone)"),
    Case("net.txt::x: layers <= 1", 2, "layers is a figure of a whole model (take the layer out of the selector)"),
    Case("4.1G >= macs", 2, "the metric comes first (write 'macs <= 4.1G')"),
    Case("1G <= macs <= 2G", 2, "it compares twice (write two budgets, 'macs >= 1G' and 'macs <= 2G')"),
    Case("macs <= 4G, params <= 1M", 2, "there are two budgets (write each by itself)"),
    Case("macs =< 4G", 2, "there is no comparison '=<' (write <=)"),
    Case("macs ≤ 4G", 2, "there is no comparison '≤' (write <=)"),
    Case("macs = 4G", 2, "there is no comparison '=' (write ==)"),
    Case("macs != 4G", 2, "there is no comparison '!=' (use <=, <, >=, > or ==)"),
    Case("macs 4G", 2, "there is no comparison (write a metric, <= and a limit: 'macs <= 4.1G')"),
    Case("net.txt:macs <= 1G", 2, "a selector ends with a colon and a space (write 'net.txt: macs …')"),
    Case("::small: macs <= 1G", 2, "a selector is MODEL_GLOB or MODEL_GLOB::LAYER_GLOB (write * for all of a kind)"),
]  # fmt: skip


def test_the_table_is_not_small() -> None:
    assert len({(case.budget, case.base) for case in CASES}) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.budget} [{case.base}]{''.join(case.flags)}")
def test_a_budget_is_answered(groupcalc: Callable[..., Any], here: Path, case: Case) -> None:
    (here / "net.txt").write_text(f"{SMALL}\n{LARGE}\n")
    words = ["check", "net.txt", "--budget", case.budget, "-v", *case.flags]
    if case.base:
        (here / "base").mkdir()
        (here / "base" / "net.txt").write_text(f"{SMALL}\n{BASES[case.base]}\n")
        words += ["--base", str(here / "base" / "net.txt")]
    code, out, err = groupcalc(*words)
    assert code == case.code
    status, bar, text = case.said.partition("|")
    if case.said == "pass" or bar:
        first = out.splitlines()[0]
        assert first.split()[0] == status
        assert text in first
    else:
        assert out == ""
        assert err == f"--budget: '{case.budget}': {case.said}\n"


def test_budgets_that_contradict_each_other_are_each_judged(groupcalc: Callable[..., Any], here: Path) -> None:
    (here / "net.txt").write_text(f"{SMALL}\n")
    code, out, _ = groupcalc("check", "net.txt", "--budget", "macs <= 1M", "--budget", "macs >= 20M", "-v")
    assert code == 1
    assert [line.split()[0] for line in out.splitlines()[:-1]] == ["FAIL", "FAIL"]
    assert out.splitlines()[-1] == "1 model, 0 of 2 budgets hold · 2 failed"
