"""What keeps a process that runs for months as large as on its first day.

Python starts a thread of a pool whenever none is idle; glibc gives each thread a pool of memory, in which it
keeps what was once used there; and garbage that holds itself is sought everywhere only once there is a
quarter more than there was. Each grows for hours, and looks as if something leaked.
"""

from __future__ import annotations

import ctypes
import gc
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

M_ARENA_MAX = -8  # glibc's number of the setting.
ARENAS = 2  # It would make eight for each processor.
ASKED = "MALLOC_ARENA_MAX"  # Where whoever runs the line chose otherwise.
SOUGHT = (700, 10, 3)  # Python's own choice but for the last, ten: how rarely garbage is sought everywhere.


def start_threads(threads: int, name: str) -> ThreadPoolExecutor:
    """Start a pool with all of its threads."""
    pool, met = ThreadPoolExecutor(threads, thread_name_prefix=name), Barrier(threads)
    for _ in range(threads):
        pool.submit(met.wait)  # None is idle before all have been started.
    return pool


def share_memory() -> bool:
    """Have all threads of this process, and of those that it forks, take their memory from few pools.

    Pools that are there stay: so it is called before there are threads. False where nothing was changed.
    """
    if ASKED in os.environ:
        return False
    try:
        return bool(ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS))
    except (AttributeError, OSError):  # Another C library.
        return False


def seek_garbage_often() -> None:
    """Put aside all that was made for as long as the process lives, and seek garbage in the rest more often.

    To seek it in all of that then takes a few milliseconds, and not sixty.
    """
    gc.freeze()
    gc.collect()
    gc.set_threshold(*SOUGHT)
