"""Memory that a thread keeps from one pass to the next, because fresh memory is slow: the system has to clear it.

    with scratch() as memory:
        planes = memory.empty(1000, np.int32)       valid until the end of the block
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

#: What a thread keeps at most; a pass that wants more gets the rest afresh.
KEPT_BYTES = 1 << 24
_LINE_BYTES = 64


class Memory:
    """Arrays one behind the other in `block`, each on a cache line of its own; new ones where it has no room."""

    def __init__(self, block: np.ndarray):
        self._block = block
        self._used = -block.__array_interface__["data"][0] % _LINE_BYTES
        self.wanted = _LINE_BYTES

    def empty(self, size: int, dtype: type) -> np.ndarray:
        """One-dimensional array with whatever it holds."""
        length = size * np.dtype(dtype).itemsize
        reserved = -(-length // _LINE_BYTES) * _LINE_BYTES
        self.wanted += reserved
        if self._used + reserved > self._block.size:
            return np.empty(size, dtype)
        self._used += reserved
        return self._block[self._used - reserved :][:length].view(dtype)


class _Kept(threading.local):
    block = np.empty(0, np.uint8)


_kept = _Kept()


@contextmanager
def scratch() -> Iterator[Memory]:
    """Memory for the length of a block; kept for the next one of this thread.

    After an exception it is not: another thread, which has not heard of it, may still write there.
    """
    block, _kept.block = _kept.block, _Kept.block  # none of it for a block inside this one
    memory = Memory(block)
    yield memory
    wanted = min(memory.wanted, KEPT_BYTES)
    _kept.block = block if block.size >= wanted else np.empty(wanted, np.uint8)
