"""Every variant of every backend computes what the reference does, each in a process of its own."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import pytest

from groupcalc.bench import backends
from groupcalc.bench.backends import BACKENDS, Backend
from groupcalc.bench.engine import Engine
from groupcalc.bench.result import Case
from groupcalc.bench.verify import expected
from groupcalc.conv import conv
from groupcalc.errors import EngineError

LAYERS = [
    conv(8, 16, 3, (9, 8), padding=1, groups=4),
    conv(6, 6, (2, 4), (10, 9), padding="same", groups=6, bias=False),  # more behind than before
    conv(16, 8, 1, (5, 5), batch=3),
    conv(4, 8, 3, (12, 11), stride=(2, 3), dilation=(2, 1), padding=(2, 0), groups=2),
]
CASES = [
    *(Case(name=f"layer{index}", conv=layer, threads=1, seed=index) for index, layer in enumerate(LAYERS)),
    Case(name="chain", conv=conv(8, 8, 3, (7, 7), padding=1, groups=8), threads=1, chain=3),
]
ENGINES = [(backend, variant) for backend in BACKENDS.values() for variant in backend.variants]


@pytest.mark.parametrize(("backend", "variant"), ENGINES, ids=lambda value: getattr(value, "name", value))
def test_it_computes_what_the_reference_does(backend: Backend, variant: str) -> None:
    if not find_spec(backend.library):
        pytest.skip(f"{backend.library} is not installed")
    with Engine(backend, variant) as engine:
        for case in CASES:
            engine.prepare(case)
            error = expected(case).error(engine.output())
            assert 0 < error < 1, case.name


@pytest.mark.skipif(not find_spec("torch"), reason="torch is not installed")
def test_torch_says_what_it_has_for_two_axes_only() -> None:
    case = Case(name="a", conv=conv(4, 4, 3, (9,), padding=1), threads=1)
    with Engine(BACKENDS["torch"], "channels_last") as engine, pytest.raises(EngineError) as caught:
        engine.prepare(case)
    assert "torch has this for two spatial axes, not 1" in str(caught.value)
    with Engine(BACKENDS["torch"], "nchw") as engine:
        engine.prepare(case)
        assert expected(case).error(engine.output()) < 1


def test_a_library_that_is_not_installed_is_one_line_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    assert BACKENDS["torch"].missing == (
        "torch: torch is not installed, so it is left out (pip install 'groupcalc[torch]')"
    )
    assert replace(BACKENDS["torch"], library="numpy", extra="").missing.endswith("(pip install numpy)")


def test_a_library_that_is_installed_is_not_missing() -> None:
    assert BACKENDS["numba"].missing == ""
