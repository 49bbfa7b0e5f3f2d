"""Operands of the integer passes, and the check that they are what they have to be: sums are exact for nothing else."""

import numpy as np

from convstream.fixedpoint.layer import Layer


class Operand:
    """What tensor x, w, b or dz of `layer` has to be: its shape, and the words of its format."""

    def __init__(self, tensor: str, layer: Layer):
        self._tensor, self.shape = tensor, layer.geometry.shapes[tensor]
        self._form = form = layer.formats.of(tensor)
        self.dtype, self.width = form.dtype, form.width

    def array(self, words: np.ndarray, *, kernel_checks_range: bool) -> np.ndarray:
        """As `checked`, but without the check of range where a kernel checks every word on its way."""
        if kernel_checks_range and type(words) is np.ndarray:
            flags = words.flags
            if words.dtype == self.dtype and words.shape == self.shape and flags.c_contiguous and flags.aligned:
                return words
        return self.checked(words)

    def checked(self, words: np.ndarray) -> np.ndarray:
        """`words` as a contiguous, aligned array of the format's dtype, once known to be this tensor.

        Raises
        ------
        ValueError
            The array does not hold integers, has another shape, or an element is outside the tensor's format.
        """
        if isinstance(words, np.ma.MaskedArray):
            raise ValueError(f"{self._tensor} must hold words everywhere: a masked array does not say which")
        words = np.asarray(words)
        if words.dtype.kind not in "iu":
            raise ValueError(f"{self._tensor} must hold integers, not {words.dtype}")
        if words.shape != self.shape:
            raise ValueError(f"{self._tensor} must have shape {self.shape}, not {words.shape}")
        lowest, highest = self._form.lowest, self._form.highest
        held = np.iinfo(words.dtype)  # most often the dtype alone rules out one end, or both
        too_low = held.min < lowest and words.min() < lowest
        if too_low or (held.max > highest and words.max() > highest):
            outside = (words < lowest) | (words > highest)
            index = tuple(int(i) for i in np.argwhere(outside)[0])
            raise ValueError(
                f"{self._tensor}{list(index)} is {words[index]}, outside {lowest}..{highest} "
                f"(format {self._form}); {np.count_nonzero(outside)} of {words.size} elements are"
            )
        return np.require(words, self.dtype, ("C_CONTIGUOUS", "ALIGNED"))


def operand(tensor: str, words: np.ndarray, layer: Layer) -> np.ndarray:
    """`Operand.checked` of tensor x, w, b or dz of `layer`."""
    return Operand(tensor, layer).checked(words)
