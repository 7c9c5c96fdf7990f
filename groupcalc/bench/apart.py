"""A process for something that would leave its threads or its memory behind in this one."""

from __future__ import annotations

import signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context


def apart() -> ProcessPoolExecutor:
    """A process of its own, which ends with the context; spawned, as OpenMP does not survive a fork. Ctrl-C ends it."""
    return ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_DFL)
    )
