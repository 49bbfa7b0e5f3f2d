"""Scratch memory: a thread keeps it from one pass to the next, because fresh memory is slow: the system clears it.

    layout = Layout(((2, 1000), np.int32), ((300,), np.int16))      made once

    memory = working_memory(layout)
    planes, sums = memory.arrays(layout)                            valid until they are kept for the next pass
    memory.keep()

After an exception nothing is kept.
"""

import threading
from functools import lru_cache, partial
from math import prod

import numpy as np

from convstream.fixedpoint.kernels.runtime.threads import thread_count

#: The most that a thread keeps: enough for a pass on all processors, but for unusually many weights.
KEPT_BYTES = thread_count() << 24
_LINE_BYTES = 64


class Layout:
    """Arrays, each of a shape and dtype, one behind the other, each on a cache line of its own."""

    def __init__(self, *arrays: tuple[tuple[int, ...], np.dtype]):
        self.arrays, self.size = [], 0
        for shape, dtype in arrays:
            end = self.size + prod(shape) * np.dtype(dtype).itemsize
            self.arrays.append((self.size, end, shape, dtype))
            self.size = -(-end // _LINE_BYTES) * _LINE_BYTES


class Memory:
    """Bytes, and the arrays of each layout in them."""

    def __init__(self, size: int):
        block = np.empty(size + _LINE_BYTES, np.uint8)
        begin = -block.__array_interface__["data"][0] % _LINE_BYTES
        self.size = size
        #: arrays(layout): the arrays of a layout, uninitialised.
        self.arrays = lru_cache(partial(_cut, block[begin : begin + size]))

    def keep(self) -> None:
        """For the next pass of this thread."""
        if self.size <= KEPT_BYTES:
            _kept.memory = self


def _cut(block: np.ndarray, layout: Layout) -> list[np.ndarray]:
    return [block[begin:end].view(dtype).reshape(shape) for begin, end, shape, dtype in layout.arrays]


class _Kept(threading.local):
    memory = Memory(0)


_kept = _Kept()


def working_memory(layout: Layout) -> Memory:
    """The memory that this thread keeps, or new memory if that is too small; in use until it is kept again."""
    if layout.size > KEPT_BYTES:
        return Memory(layout.size)
    memory, _kept.memory = _kept.memory, _Kept.memory
    return memory if memory.size >= layout.size else Memory(layout.size)
