"""Memory that a thread keeps from one pass to the next, because fresh memory is slow: the system has to clear it.

    with Scratch() as memory:
        planes = memory.empty(1000, np.int32)       valid until the end of the block
"""

import threading

import numpy as np

#: What a thread keeps at most; a pass that wants more gets the rest afresh.
KEPT_BYTES = 1 << 24
_LINE_BYTES = 64


class Scratch:
    """Arrays one behind the other, each on a cache line of its own; new ones where there is no room.

    Kept for the next block of this thread, but not after an exception: another thread, which has not heard of it, may
    still write there.
    """

    def __enter__(self) -> "Scratch":
        self._block, _kept.block = _kept.block, _Kept.block  # none of it for a block inside this one
        self._wanted = 0
        return self

    def empty(self, size: int, dtype: np.dtype) -> np.ndarray:
        """One-dimensional array with whatever it holds."""
        length = size * np.dtype(dtype).itemsize
        begin = self._wanted
        self._wanted += -(-length // _LINE_BYTES) * _LINE_BYTES
        if self._wanted > self._block.size:
            return np.empty(size, dtype)
        return self._block[begin : begin + length].view(dtype)

    def __exit__(self, kind: type | None, *_) -> None:
        if kind is None:
            wanted = min(self._wanted, KEPT_BYTES)
            _kept.block = self._block if self._block.size >= wanted else _lines(wanted)


def _lines(size: int) -> np.ndarray:
    """Bytes that begin with a cache line."""
    block = np.empty(size + _LINE_BYTES, np.uint8)
    begin = -block.__array_interface__["data"][0] % _LINE_BYTES
    return block[begin : begin + size]


class _Kept(threading.local):
    block = np.empty(0, np.uint8)


_kept = _Kept()
