"""Memory that is given back.

Without this the peak of a long run creeps up with the rows although nothing holds on to them: Arrow's own pool, and
one arena for each of its threads, keep what partitions of changing size leave behind.
"""

from __future__ import annotations

import ctypes
from functools import cache

import pyarrow as pa

_ARENA_MAX = -8  # glibc's M_ARENA_MAX, <malloc.h>


def lean() -> None:
    """Makes this process take its memory from one arena of the system's allocator, and give back what is free.

    Called before each partition; it takes milliseconds. Where the C library is not glibc only Arrow's pool is changed.
    """
    library = _library()
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


@cache
def _library() -> ctypes.CDLL:
    pa.set_memory_pool(pa.system_memory_pool())
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_ARENA_MAX, 1)
    return library
