"""Operands of the integer passes, checked before any arithmetic: what goes in decides whether sums stay exact."""

import numpy as np

from fixedpoint.compiled import compiled
from fixedpoint.layer import Layer


def operand(tensor: str, words: np.ndarray, layer: Layer) -> np.ndarray:
    """`words` as a contiguous, aligned array of its format's dtype, once known to be tensor x, w, b or dz of `layer`.

    Raises
    ------
    ValueError
        The array does not hold integers, has another shape, or an element is outside the tensor's format.
    """
    if isinstance(words, np.ma.MaskedArray):
        raise ValueError(f"{tensor} must hold words everywhere: a masked array does not say which")
    words = np.asarray(words)
    shape, form = layer.geometry.shapes[tensor], layer.formats.of(tensor)
    if words.dtype.kind not in "iu":
        raise ValueError(f"{tensor} must hold integers, not {words.dtype}")
    if words.shape != shape:
        raise ValueError(f"{tensor} must have shape {shape}, not {words.shape}")
    if words.dtype == form.dtype:  # most often; and if it has no bit to spare, no word is outside
        whole = _whole(words)
        if form.width == 8 * words.itemsize or _all_inside(whole.reshape(-1), form.lowest, form.highest):
            return whole
    held = np.iinfo(words.dtype)  # most often the dtype alone rules out one end, or both
    too_low = held.min < form.lowest and words.min() < form.lowest
    if too_low or (held.max > form.highest and words.max() > form.highest):
        outside = (words < form.lowest) | (words > form.highest)
        index = tuple(int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"{tensor}{list(index)} is {words[index]}, outside {form.lowest}..{form.highest} "
            f"(format {form}); {np.count_nonzero(outside)} of {words.size} elements are"
        )
    return _whole(words.astype(form.dtype, copy=False))


def _whole(words: np.ndarray) -> np.ndarray:
    """In one piece, row after row, where the processor likes to find words."""
    flags = words.flags
    return words if flags.c_contiguous and flags.aligned else words.copy()


@compiled
def _all_inside(words, lowest, highest):
    """Whether all of `words`, of one dimension, lie in lowest..highest, which their dtype can hold."""
    kind = words.dtype.type
    lowest, highest = kind(lowest), kind(highest)
    outside = False
    for i in range(words.size):
        word = words[np.uint64(i)]
        outside |= (word < lowest) | (word > highest)
    return not outside
