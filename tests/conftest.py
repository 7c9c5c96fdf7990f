"""What all tests share."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def kernel_cache(request: pytest.FixtureRequest) -> Any:
    """Compiled kernels of the tests outlive a run, but not among the user's."""
    assert request.config.cache is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROUPCALC_CACHE_DIR", str(request.config.cache.mkdir("kernels")))
        yield
