"""The house decorator: every compiled function of ours goes through it, and its machine code is kept on disk."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from time import time
from types import FunctionType
from typing import Any

import numba
from numba import config, njit, types
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.registry import cpu_target

from groupcalc.kernels.folder import cache_directory, claim
from groupcalc.kernels.stamp import source_stamp
from groupcalc.kernels.threads import threading_layer

log = logging.getLogger(__name__)

READ = types.Array(types.float32, 1, "C", readonly=True)
WRITE = types.Array(types.float32, 1, "C")

# Numba's own pair works inside compiled code too, but as ctypes pointers, and these keep a function out of the cache.
# The symbols are the ones that every parallel loop of Numba's calls.
get_num_threads = types.ExternalFunction("get_num_threads", types.intp())
set_num_threads = types.ExternalFunction("set_num_threads", types.void(types.int32))
if config.DISABLE_JIT:
    get_num_threads, set_num_threads = numba.get_num_threads, numba.set_num_threads


def driver(*, sizes: int) -> Callable[[Callable[..., None]], Driver]:
    """Decorator: (x, w, bias, y, scratch, sizes) -> None, the last being that many ints, to be compiled for threads.

    The function may close over ints only: a closure over another compiled function would be pickled anew in each
    process and never be found again. One signature: a read-only array is no second specialisation.
    """
    signature = types.void(READ, READ, READ, WRITE, WRITE, types.UniTuple(types.int64, sizes))

    return lambda function: Driver(function, signature)


class Driver:
    """A function that is compiled when it is first asked for: once for one thread, once for many."""

    def __init__(self, function: Callable[..., None], signature: Any) -> None:
        self._function, self._signature = function, signature
        self.dispatcher = cache(self._dispatcher)

    def __call__(self, threads: int) -> Callable[..., None]:
        """The machine code itself: Numba's dispatcher would look again, at each call, whether the types are right."""
        dispatcher = self.dispatcher(threads > 1)
        if config.DISABLE_JIT:
            return dispatcher  # type: ignore[no-any-return]
        code: Callable[..., None] = dispatcher.overloads[self._signature.args].entry_point
        return code

    def _dispatcher(self, parallel: bool) -> Any:
        """Numba's function. For one thread prange is range: to start and end a parallel loop takes a microsecond."""
        named = _renamed(self._function, "parallel" if parallel else "serial")
        dispatcher = njit(parallel=parallel, nogil=True, fastmath={"contract"}, error_model="numpy")(named)
        if config.DISABLE_JIT:
            return dispatcher
        threading_layer()  # get_num_threads and set_num_threads are there once the threads are, not before
        dispatcher._cache = _Cache(named)
        dispatcher.compile(self._signature)
        dispatcher.disable_compile()
        return dispatcher


def _renamed(function: Callable[..., None], kind: str) -> FunctionType:
    """A copy whose name ends with the kind: its files in the cache are named for it, and have no other mark of it."""
    assert isinstance(function, FunctionType)
    copy = FunctionType(function.__code__, function.__globals__, function.__name__, None, function.__closure__)
    copy.__qualname__ = f"{function.__qualname__}.{kind}"
    return copy


class _Locator(_CacheLocator):  # type: ignore[misc]
    """Where the machine code of one function lies: an index file for each specialisation, version and machine.

    Numba numbers the data files of an index, and two processes that add to one index at once can swap them:
    a kernel would then run with another's tile. Here an index has one entry, so there is nothing to swap.
    """

    def __init__(self, function: FunctionType) -> None:
        machine = cpu_target.target_context.codegen().magic_tuple()
        identity = (source_stamp(), numba.__version__, machine, _closure(function))
        self._disambiguator = hashlib.sha256(repr(identity).encode()).hexdigest()[:32]
        self._py_file = function.__code__.co_filename  # Numba's messages name it

    def get_cache_path(self) -> str:
        return str(cache_directory())

    def get_source_stamp(self) -> str:
        return source_stamp()  # Numba's own covers only the file that holds the function

    def get_disambiguator(self) -> str:
        return self._disambiguator

    @classmethod
    def from_function(cls, py_func: FunctionType, py_file: str) -> _Locator:
        return cls(py_func)


def _closure(function: FunctionType) -> list[tuple[str, Any]]:
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return [(name, cell.cell_contents) for name, cell in cells]


class _Store(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_Locator,)


class _Cache(FunctionCache):  # type: ignore[misc]
    """Numba's cache that takes a directory it cannot use, or a damaged file, for an empty one."""

    _impl_class = _Store

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        claim(cache_directory(), time())
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # a pickle can fail in any way
            log.info("%s: cannot read the cache of kernels: %s", cache_directory(), error)
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
            claim(cache_directory(), time())  # it may have been made just now
        except OSError as error:
            log.info("%s: cannot keep compiled kernels: %s", cache_directory(), error)
