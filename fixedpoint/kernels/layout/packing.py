"""Weights and bias in the order of the steps of `correlate`: words in pairs, every one range-checked."""

from functools import lru_cache

import numpy as np
from numba import carray, from_dtype, types

from convstream.fixedpoint.kernels.multiply_add import TILE_PIXELS, WIDE
from convstream.fixedpoint.kernels.runtime.calls import INT, INTS, INTS_2D, at, by_address, words_of
from convstream.fixedpoint.kernels.runtime.jit import compiled, inner
from convstream.fixedpoint.kernels.runtime.threads import CANCELLED, TASKS_PER_CALL, finish, take

_pack_block_entry, _call_pack_block = by_address("pack_block")
_check_range_entry, call_check_range = by_address("check_range")
_spread_bias_entry, call_spread_bias = by_address("spread_bias")


@inner
def pack_block(weights, count, start, apart, last, lanes, first, second, digit, packed, begin):
    """Pairs (steps, lanes) of one block of filters, from pair `begin` on.

    Parameters
    ----------
    weights : `count` integers, of which the first filter's begin at `start`, and the others' `apart` from each other
    last : the last lane that has a filter; those behind repeat it
    first, second : int64 (steps,), see `Planes.steps`
    digit : the digit of every word that is packed, see `layout.digits`
    """
    words = carray(weights, (count,))
    offset, shift, mask, half = digit[0], digit[1], digit[2], digit[3]
    plain = shift == 0 and mask == -1 and last + 1 == lanes == WIDE
    for step in range(first.size):
        one, other, both = start + first[step], start + second[step], np.int64(-1)
        if second[step] < 0:
            other, both = one, np.int64(0)
        if plain:
            for lane in range(WIDE):  # like the loop below, for the compiler to see
                low = np.int64(words[np.uint64(one + lane * apart)])
                high = np.int64(words[np.uint64(other + lane * apart)]) & both
                packed[np.uint64(begin + step * WIDE + lane)] = low & 0xFFFF | high << 16
        else:
            for lane in range(lanes):
                of_lane = min(lane, last) * apart
                low = np.int64(words[np.uint64(one + of_lane)])
                high = np.int64(words[np.uint64(other + of_lane)]) & both
                low, high = ((low + offset) >> shift & mask) - half, ((high + offset) >> shift & mask) - half
                packed[np.uint64(begin + step * lanes + lane)] = low & 0xFFFF | high << 16


@lru_cache
def pack_block_entry(dtype: np.dtype) -> int:
    """Address of `pack_block` from words of this dtype."""
    return _pack_block_entry(
        pack_block, words_of(dtype), INT, INT, INT, INT, INT, INTS, INTS, INTS, types.int32[::1], INT
    )  # fmt: skip


@inner
def _lowest_pair(pairs):
    """Whether any of `pairs`, int32 of one dimension, is twice -2**15."""
    found = False
    for i in range(pairs.size):
        found |= pairs[np.uint64(i)] == np.int32(-0x7FFF8000)
    return found


@inner
def check_range(weights, count, width, part, parts, counters):
    """Cancel the last stage if a word in this part of `count` weights is not of `width` bits."""
    words = carray(weights, (count,))
    kind = words.dtype.type
    edges, above = kind(0), kind(np.int64(-1) << np.int64(width))
    if above == 0:  # the dtype holds no others
        return
    for index in range(count * part // parts, count * (part + 1) // parts):
        word = words[np.uint64(index)]
        edges = kind(edges | word ^ word << 1)
    if edges & above:
        counters[-1, CANCELLED] = 1


@lru_cache
def check_range_entry(dtype: np.dtype) -> int:
    """Address of `check_range` for words of this dtype."""
    return _check_range_entry(check_range, words_of(dtype), INT, INT, INT, INT, INTS_2D)


@inner
def spread_bias(bias, count, width, shift, begin, end, starts, counters):
    """The bias of filters begin..end-1, shifted left, in all pixels of a tile; 0 for those behind the last of `count`.

    Cancel the last stage if one is not of `width` bits.
    """
    words = carray(bias, (count,))
    for filter_ in range(begin, end):
        word = np.int64(words[filter_]) if filter_ < count else np.int64(0)
        for pixel in range(TILE_PIXELS):
            starts[filter_ * TILE_PIXELS + pixel] = word << shift
        if (word ^ word << 1) & (np.int64(-1) << np.int64(width)):
            counters[-1, CANCELLED] = 1


@lru_cache
def spread_bias_entry(dtype: np.dtype, sums: np.dtype) -> int:
    """Address of `spread_bias` from words of this dtype to sums of that one."""
    return _spread_bias_entry(spread_bias, words_of(dtype), INT, INT, INT, INT, INT, from_dtype(sums)[::1], INTS_2D)


@compiled
def pack_weights(
    check_range, pack_block, spread_bias, counters, weights, bias, weight_count, weight_width, bias_count, bias_width,
    bias_shift, filter_weights, filters, first, second, bounds, digits, blocks, halves, packed, starts,
):  # fmt: skip
    """Weights in the order of `correlate`, a pair in 32 bits: of each target, of each digit, for each block; the bias.

    At most TASKS_PER_CALL blocks; returns whether any may be left.

    Parameters
    ----------
    check_range, pack_block, spread_bias : addresses of these kernels
    counters : of `runtime.threads`; a task of stage 0 is a block, of all targets and digits
    weights, bias : addresses of so many integers of formats of so many bits;  filter_weights : distance of filters
    first, second : int64 (steps,), see `Planes.steps`, of all targets
    bounds : int64 (targets + 1,), the first step of each target, and one behind the last
    digits : int64 (digits, 4), see `layout.digits`
    blocks : int64, the first filter of each block, and one behind the last
    halves : whether to cancel stage 1 if any pair is twice -2**15
    packed : int32 (1, ...), (steps, filters) of every block; the last block is filled up with the last filter, whose
        sums are not used
    starts : int32 or int64 (1, filters * TILE_PIXELS), see `correlate`: the bias, shifted left by `bias_shift`
    """
    pairs = packed[0]
    for _ in range(TASKS_PER_CALL):
        block = take(counters, 0)
        if block >= blocks.size - 1:
            return False
        lanes = blocks[block + 1] - blocks[block]
        call_check_range(check_range, (at(weights), weight_count, weight_width, block, blocks.size - 1, counters))
        call_spread_bias(spread_bias, (
            at(bias), bias_count, bias_width, bias_shift, blocks[block], blocks[block + 1], starts[0], counters
        ))  # fmt: skip
        for target in range(bounds.size - 1):
            one, other = first[bounds[target] : bounds[target + 1]], second[bounds[target] : bounds[target + 1]]
            for digit in range(digits.shape[0]):
                begin = blocks[-1] * (bounds[target] * digits.shape[0] + one.size * digit) + blocks[block] * one.size
                _call_pack_block(pack_block, (
                    at(weights), weight_count, blocks[block] * filter_weights, filter_weights,
                    min(lanes, filters - blocks[block]) - 1, lanes, one, other, digits[digit], pairs, begin,
                ))  # fmt: skip
                if halves and _lowest_pair(pairs[begin : begin + lanes * one.size]):
                    counters[1, CANCELLED] = 1
        finish(counters, 0)
    return True
