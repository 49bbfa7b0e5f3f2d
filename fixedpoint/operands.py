"""Operands of the integer passes, checked before any arithmetic: what goes in decides whether sums stay exact."""

import numpy as np

from fixedpoint.compiled import compiled
from fixedpoint.layer import Layer


class Operand:
    """What tensor x, w, b or dz of `layer` has to be: its shape, and the words of its format."""

    def __init__(self, tensor: str, layer: Layer):
        self._tensor, self.shape = tensor, layer.geometry.shapes[tensor]
        self._form = form = layer.formats.of(tensor)
        self.dtype, self._lowest, self._highest = form.dtype, form.lowest, form.highest
        #: Whether every word that the dtype can hold is one of the format.
        self._full = form.width == 8 * form.dtype.itemsize

    def checked(self, words: np.ndarray) -> np.ndarray:
        """`words` as a contiguous, aligned array of the format's dtype, once known to be this tensor.

        Raises
        ------
        ValueError
            The array does not hold integers, has another shape, or an element is outside the tensor's format.
        """
        if type(words) is np.ndarray and words.dtype == self.dtype and words.shape == self.shape:
            flags = words.flags
            if flags.c_contiguous and flags.aligned and (self._full or _all_inside(words, self._lowest, self._highest)):
                return words
        if isinstance(words, np.ma.MaskedArray):
            raise ValueError(f"{self._tensor} must hold words everywhere: a masked array does not say which")
        words = np.asarray(words)
        if words.dtype.kind not in "iu":
            raise ValueError(f"{self._tensor} must hold integers, not {words.dtype}")
        if words.shape != self.shape:
            raise ValueError(f"{self._tensor} must have shape {self.shape}, not {words.shape}")
        held = np.iinfo(words.dtype)  # most often the dtype alone rules out one end, or both
        too_low = held.min < self._lowest and words.min() < self._lowest
        if too_low or (held.max > self._highest and words.max() > self._highest):
            outside = (words < self._lowest) | (words > self._highest)
            index = tuple(int(i) for i in np.argwhere(outside)[0])
            raise ValueError(
                f"{self._tensor}{list(index)} is {words[index]}, outside {self._lowest}..{self._highest} "
                f"(format {self._form}); {np.count_nonzero(outside)} of {words.size} elements are"
            )
        return np.require(words, self.dtype, ("C_CONTIGUOUS", "ALIGNED"))


def operand(tensor: str, words: np.ndarray, layer: Layer) -> np.ndarray:
    """`Operand.checked` of tensor x, w, b or dz of `layer`."""
    return Operand(tensor, layer).checked(words)


@compiled
def _all_inside(words, lowest, highest):
    """Whether all of `words` lie in lowest..highest, which their dtype can hold."""
    kind, words = words.dtype.type, words.reshape(words.size)
    lowest, highest = kind(lowest), kind(highest)
    outside = False
    for i in range(words.size):
        word = words[np.uint64(i)]
        outside |= (word < lowest) | (word > highest)
    return not outside
