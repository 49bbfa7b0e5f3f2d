"""Winograd's transformations: weights and pixels to points, sums of points to sums; the formulas are in `winograd`."""

from functools import cache, lru_cache

import numpy as np
from numba import carray, types

from convstream.fixedpoint.kernels.runtime.calls import INT, INTS, by_address, words_of
from convstream.fixedpoint.kernels.runtime.jit import inner

_pack_entry, call_pack_filter_points = by_address("pack_filter_points")
_to_points_entry, call_to_points = by_address("to_points")
_from_points_entry, call_from_points = by_address("from_points")

#: Points of a tile of 4 x 4 pixels.
POINTS = 16


@inner
def _weight_points(rows, length, g0, g1, g2, first):
    """Rows u0 to u3, from row `first` on, of rows g0, g1 and g2, all of one flat array."""
    g0, g1, g2, first = g0 * length, g1 * length, g2 * length, first * length
    for i in range(length):
        one, two, three = rows[np.uint64(g0 + i)], rows[np.uint64(g1 + i)], rows[np.uint64(g2 + i)]
        rows[np.uint64(first + i)] = 2 * one
        rows[np.uint64(first + length + i)] = one + two + three
        rows[np.uint64(first + 2 * length + i)] = one - two + three
        rows[np.uint64(first + 3 * length + i)] = 2 * three


#: Rows of the scratch array of `pack_filter_points`: 9 taps; from `_HALF_WAY` on 4 row points of each of 3 columns;
#: from `_ALL` on all points.
_HALF_WAY, _ALL, SCRATCH_ROWS = 9, 9 + 12, 9 + 12 + POINTS


@inner
def pack_filter_points(weights, count, start, channels, of_channel, taps, packed, first, apart, rows):
    """One filter's pairs of all points, from weight `start` of `count` on; `apart` elements from pair to pair.

    `rows`, int16 (37 * channels rounded up to pairs,), is overwritten: all channels of one tap or point in each row.
    """
    words, pairs, length = carray(weights, (count,)), (channels + 1) // 2, (channels + 1) // 2 * 2
    for tap in range(9):
        rows[tap * length + length - 1] = 0  # behind an odd channel
        for channel in range(channels):
            rows[np.uint64(tap * length + channel)] = words[np.uint64(start + channel * of_channel + taps[tap])]
    for s in range(3):
        _weight_points(rows, length, s, 3 + s, 6 + s, _HALF_WAY + 4 * s)
    for r in range(_HALF_WAY, _HALF_WAY + 4):
        _weight_points(rows, length, r, r + 4, r + 8, _ALL + 4 * (r - _HALF_WAY))
    points = rows.view(np.int32)
    for u in range(POINTS):
        for pair in range(pairs):
            packed[u, first + pair * apart] = points[np.uint64((_ALL + u) * pairs + pair)]


@lru_cache
def pack_filter_points_entry(dtype: np.dtype) -> int:
    """Address of `pack_filter_points` from words of this dtype."""
    return _pack_entry(
        pack_filter_points, words_of(dtype), INT, INT, INT, INT, INTS, types.int32[:, ::1], INT, INT, types.int16[::1],
    )  # fmt: skip


#: Which two pixels make v0 to v3, and the sign of the second.
_PIXELS = np.array([[0, 2, -1], [1, 2, 1], [2, 1, -1], [1, 3, -1]])


@inner
def _add(a, first, sign, second, count, total, start):
    for i in range(count):
        total[np.uint64(start + i)] = a[np.uint64(first + i)] + sign * a[np.uint64(second + i)]


@inner
def to_points(planes, count, size, pitch, pixels, pairs, points, of_plane):
    """The 16 points of `count` pairs of channels, at positions 0..pixels-1 each.

    Parameters
    ----------
    planes : int32 (count, 4 phases, size), a pair of pixels each
    points : int32 (count / pairs, 16 points, pairs, of_plane), overwritten
    """
    source, target = planes.view(np.int16), points.view(np.int16)
    size, pitch, of_plane = 2 * size, 2 * pitch, 2 * of_plane  # in halves of pairs
    length = 2 * pixels + 2
    down = np.empty(2 * length, np.int16)  # a row point, of even columns and of odd ones
    for plane in range(count):
        first = (plane // pairs * 16 * pairs + plane % pairs) * of_plane
        for row in range(4):
            one, other, sign = _PIXELS[row]
            for odd in range(2):  # pixel 2 a + b of a column lies in phase b, a rows down
                column = (4 * plane + odd) * size
                _add(
                    source, column + one % 2 * 2 * size + one // 2 * pitch, np.int16(sign),
                    column + other % 2 * 2 * size + other // 2 * pitch, length, down, odd * length,
                )  # fmt: skip
            for point in range(4):
                one, other, sign = _PIXELS[point]
                _add(
                    down, one % 2 * length + one // 2 * 2, np.int16(sign), other % 2 * length + other // 2 * 2,
                    length - 2, target, first + (4 * row + point) * pairs * of_plane,
                )  # fmt: skip


#: Sums of a point that are added to the others at once.
_CHUNK = 256


@inner
def _add_three(m, first, apart, sign, count, total, start):
    for i in range(count):
        others = m[np.uint64(first + apart + i)] + m[np.uint64(first + 2 * apart + i)]
        total[np.uint64(start + i)] = m[np.uint64(first + i)] + sign * others


@inner
def from_points(points, count, of_plane, pixels, tiles):
    """The 2 x 2 sums of every Winograd tile, from four times those of its points.

    Parameters
    ----------
    points : int32 (16, ...), sums of each point (count, of_plane)
    tiles : int32 (count, 2, 2 * of_plane), overwritten: even rows of results, and odd ones
    """
    sums, of_point = points.reshape(points.size), points.shape[1]
    half = np.empty(4 * _CHUNK, np.int32)  # a row of results, of every column point
    for plane in range(count):
        for begin in range(0, pixels, _CHUNK):
            length = min(_CHUNK, pixels - begin)
            for odd in range(2):  # 4 y0 = m0 + (m1 + m2), 4 y1 = m1 - (m2 + m3)
                for column in range(4):
                    first = plane * of_plane + begin + (4 * odd + column) * of_point
                    _add_three(sums, first, 4 * of_point, np.int32(1 - 2 * odd), length, half, column * _CHUNK)
                target = (plane * 4 + 2 * odd) * of_plane + 2 * begin
                for i in range(length):
                    h0, h1 = half[np.uint64(i)], half[np.uint64(_CHUNK + i)]
                    h2, h3 = half[np.uint64(2 * _CHUNK + i)], half[np.uint64(3 * _CHUNK + i)]
                    tiles[np.uint64(target + 2 * i)] = np.int32(h0 + h1 + h2) >> np.int32(2)
                    tiles[np.uint64(target + 2 * i + 1)] = np.int32(h1 - h2 - h3) >> np.int32(2)


@cache
def transform_entries() -> tuple[int, int]:
    """Addresses of `to_points` and `from_points`."""
    words = types.int32[::1]
    return (
        _to_points_entry(to_points, words, INT, INT, INT, INT, INT, words, INT),
        _from_points_entry(from_points, types.int32[:, ::1], INT, INT, INT, words),
    )  # fmt: skip
