"""The computation of the cores as they do it: stages joined by bounded buffers, in integers and fixed-size arrays only.

::

    forward, input gradient    source -> load_row -> [ring] -> form_window -> multiply_accumulate -> requantize
                                                                              -> [result queue] -> send, zeros between
    weight gradient            x, dz  -> load_row -> [ring] -> form_window -> sum of a run -> [accumulators]
                                                                              -> drain -> requantize -> send

A stage works whenever it finds something in the buffer before it and a place in the one behind it.  Each core is one
compiled function that gives its stages their turn, so that nothing but buffers joins them.
"""

from typing import NamedTuple

import numpy as np

from convstream.fixedpoint.kernels.runtime.jit import compiled
from convstream.fixedpoint.rounding import requantize_word
from convstream.fixedpoint.stochastic import draw, step


class Lines(NamedTuple):
    """A line buffer: its memory and its shape."""

    memory: np.ndarray  # (row banks, column banks, depth, lanes)
    line: np.ndarray  # (ring rows, row banks): where the row of a window that begins at a ring row lies in a bank
    columns: int
    groups: int
    row_pitch: int
    address_mask: int


class Rule(NamedTuple):
    """How one stream's results are rounded and limited; the rules by number, see `fixedpoint.rounding`."""

    shift: int
    width: int
    rounding: int
    overflow: int


@compiled
def load_row(lines, ring_row, beats, first):
    """Write one row of beats, from beat `first` on, to the banks of the ring."""
    row_banks, column_banks, _, lanes = lines.memory.shape
    base = ring_row // row_banks * lines.row_pitch
    for column in range(lines.columns):
        for group in range(lines.groups):
            address = base + column // column_banks * lines.groups + group
            for lane in range(lanes):
                word = beats[first + column * lines.groups + group, lane]
                lines.memory[ring_row % row_banks, column % column_banks, address, lane] = word


@compiled
def form_window(lines, lane_rows, lane_columns, ring_row, column, first_bank, row_mask, column_mask, operands):
    """Operands (taps, lanes) of a slot: one word of each bank, turned to the order of the taps, zero on padding."""
    row_banks, column_banks, _, lanes = lines.memory.shape
    for tap_row in range(lane_rows.size):
        bank_row = (ring_row + lane_rows[tap_row]) % row_banks
        for tap_column in range(lane_columns.size):
            bank_column = (first_bank + lane_columns[tap_column]) % column_banks
            tap = tap_row * lane_columns.size + tap_column
            if (row_mask >> tap_row) & (column_mask >> tap_column) & 1:
                step = lines.groups if bank_column < first_bank else 0
                address = (lines.line[ring_row, bank_row] + column + step) & lines.address_mask
                for lane in range(lanes):
                    operands[tap, lane] = lines.memory[bank_row, bank_column, address, lane]
            else:
                for lane in range(lanes):
                    operands[tap, lane] = 0


@compiled
def multiply_accumulate(operands, weights, address, accumulators):
    """Add the products of one slot to every lane's accumulator; weights (result lanes, taps, depth, source lanes)."""
    for lane in range(accumulators.size):
        for tap in range(operands.shape[0]):
            for source_lane in range(operands.shape[1]):
                accumulators[lane] += operands[tap, source_lane] * weights[lane, tap, address, source_lane]


@compiled
def requantize(value, rule, states, lane):
    """One result from one accumulator; one that loses bits takes a draw of its lane's generator."""
    drawn = draw(states[lane], max(rule.shift, 0))
    if rule.shift > 0:
        states[lane] = step(states[lane])
    return requantize_word(value, rule.shift, rule.width, rule.rounding, rule.overflow, drawn)


@compiled
def window_engine(
    lines, lane_rows, lane_columns, rows, columns, start, strides, weights, biases, rule, states, queue,
    computed_rows, computed_columns, source, results,
):  # fmt: skip
    """Forward or input gradient of all frames in `source`; whether all `results` came.

    Parameters
    ----------
    rows, columns : int64 (positions, fields of `plan.RowRecord` and `plan.ColumnRecord`).
    start : ring row and column address of the first window, rows that it needs, rows that are free after reset.
    strides : of weight addresses, from a row of taps and from a group of results to the next.
    weights : int64 (result lanes, taps, depth, source lanes).
    biases : int64 (result groups, result lanes), aligned.
    queue : int64 (depth, result lanes).
    computed_rows, computed_columns : bool, for each row and column of the result.
    source, results : int64 (beats, lanes).
    """
    ring_rows, row_beats = lines.line.shape[0], lines.columns * lines.groups
    operands = np.zeros((weights.shape[1], weights.shape[3]), np.int64)
    accumulators = np.zeros(weights.shape[0], np.int64)
    ring, column, needed, free = start
    address = column
    loaded = row = position = group = 0
    head = count = sent = out_row = out_column = out_group = 0
    started = False
    while sent < results.shape[0]:
        idle = True

        if free > 0 and loaded * row_beats < source.shape[0]:
            load_row(lines, loaded % ring_rows, source, loaded * row_beats)
            loaded += 1
            free -= 1
            idle = False

        if loaded >= needed and count < queue.shape[0]:
            last_tap_row, row_weight, row_mask, ring_step, needed_step, release = rows[row]
            last_slot, column_weight, column_mask, bank, address_step, _ = columns[position]
            if row_mask == 0 or column_mask == 0:  # a result without taps is a single masked slot
                last_tap_row = last_slot = 0
            for lane in range(accumulators.size):
                accumulators[lane] = biases[group, lane]
            for tap_row in range(last_tap_row + 1):
                for slot in range(last_slot + 1):
                    form_window(
                        lines, lane_rows, lane_columns, (ring + tap_row) % ring_rows, address + slot, bank,
                        row_mask, column_mask, operands,
                    )  # fmt: skip
                    weight = row_weight + column_weight + slot + tap_row * strides[0] + group * strides[1]
                    multiply_accumulate(operands, weights, weight, accumulators)
            for lane in range(accumulators.size):
                queue[(head + count) % queue.shape[0], lane] = requantize(accumulators[lane], rule, states, lane)
            count += 1
            idle = False

            group += 1
            if group == biases.shape[0]:
                group = 0
                address = (address + address_step) & lines.address_mask
                position += 1
                if position == columns.shape[0]:
                    position, address = 0, column
                    ring = (ring + ring_step) % ring_rows
                    needed += needed_step
                    free += release
                    row = (row + 1) % rows.shape[0]

        computed = computed_rows[out_row] and computed_columns[out_column]
        if count > 0 or (started and not computed):
            for lane in range(results.shape[1]):
                results[sent, lane] = queue[head, lane] if computed else 0
            if computed:
                head = (head + 1) % queue.shape[0]
                count -= 1
            sent += 1
            started = True
            idle = False
            out_group += 1
            if out_group == biases.shape[0]:
                out_group = 0
                out_column += 1
                if out_column == computed_columns.size:
                    out_column = 0
                    out_row += 1
                    if out_row == computed_rows.size:
                        out_row = 0
                        started = False

        if idle:
            return False
    return True


@compiled
def add_row(sums, beats, first):
    """Add one row of dz to the sums (groups, lanes) of its filters."""
    groups, lanes = sums.shape
    for beat in range(first, beats.shape[0]):
        for lane in range(lanes):
            sums[(beat - first) % groups, lane] += beats[beat, lane]


@compiled
def sum_run(
    source, gradient, lane_rows, lane_columns, ring_row, column, column_step, windows, row_mask, gradient_row,
    gradient_column, gradient_step, pixels, operands, sums,
):  # fmt: skip
    """Sum the products of one run in registers: sums (filter lanes, taps, channel lanes)."""
    sums[:] = 0
    walked = 0
    for pixel in range(pixels):
        bank, column_mask, address_step = windows[pixel % windows.shape[0]]
        address = (column + walked + pixel * column_step) & source.address_mask
        form_window(source, lane_rows, lane_columns, ring_row, address, bank, row_mask, column_mask, operands)
        walked += address_step
        word = gradient.line[gradient_row, 0] + gradient_column + pixel * gradient_step
        for filter_lane in range(sums.shape[0]):
            for tap in range(sums.shape[1]):
                for lane in range(sums.shape[2]):
                    sums[filter_lane, tap, lane] += operands[tap, lane] * gradient.memory[0, 0, word, filter_lane]


@compiled
def drain(accumulators, places, rule, states, results, first):
    """Send the accumulators (filter lanes, taps, depth, lanes) in the order of `places`, and clear them."""
    for beat in range(places.shape[0]):
        filter_lane, tap, address = places[beat]
        for lane in range(results.shape[1]):
            results[first + beat, lane] = requantize(accumulators[filter_lane, tap, address, lane], rule, states, lane)
            accumulators[filter_lane, tap, address, lane] = 0


@compiled
def gradient_engine(
    source, gradient, lane_rows, lane_columns, rows, runs, windows, start, strides, accumulators, sums, places,
    weight_rule, bias_rule, weight_states, bias_states, x, dz, weight_results, bias_results,
):  # fmt: skip
    """Weight and bias gradient of all batches in `x` and `dz`; whether all results came.

    Parameters
    ----------
    rows : int64 (rows of outputs, fields of `plan.RowRecord`).
    runs : int64 (runs, fields of `gradient_plan.RunRecord`).
    windows : int64 (windows, 3): bank, mask and step to the next, along a row.
    start : ring row of the first window, rows of x that it needs, rows of x that are free after reset, rows a batch.
    strides : from an output to the next in a row of x and in one of dz, between rows of taps, between filter groups.
    accumulators : int64 (filter lanes, taps, depth, channel lanes).
    sums : int64 (2, filter groups, filter lanes): two batches take turns.
    places : int64 (beats of dw, 3): filter lane, tap and address of each.
    """
    ring_rows, gradient_rows = source.line.shape[0], gradient.line.shape[0]
    row_beats, gradient_beats = source.columns * source.groups, gradient.columns * gradient.groups
    operands = np.zeros((accumulators.shape[1], accumulators.shape[3]), np.int64)
    run_sums = np.zeros((accumulators.shape[0], accumulators.shape[1], accumulators.shape[3]), np.int64)
    filters = sums.shape[1] * sums.shape[2]
    ring, needed, free, batch_rows = start
    gradient_free = gradient_rows
    loaded = gradient_loaded = done = sent = row = 0
    while sent < bias_results.shape[0] // filters:
        idle = True

        if free > 0 and loaded * row_beats < x.shape[0]:
            load_row(source, loaded % ring_rows, x, loaded * row_beats)
            loaded += 1
            free -= 1
            idle = False

        if gradient_free > 0 and gradient_loaded * gradient_beats < dz.shape[0]:
            first = gradient_loaded * gradient_beats
            load_row(gradient, gradient_loaded % gradient_rows, dz, first)
            add_row(sums[gradient_loaded // batch_rows % 2], dz[: first + gradient_beats], first)
            gradient_loaded += 1
            gradient_free -= 1
            idle = False

        if loaded >= needed and gradient_loaded > done:
            last_tap_row, row_offset, row_mask, ring_step, needed_step, release = rows[row]
            for out_group in range(sums.shape[1]):
                for tap_row in range(last_tap_row + 1):
                    for run in range(runs.shape[0]):
                        last_slot, source_start, gradient_start, offset, run_mask = runs[run]
                        for in_group in range(source.groups):
                            sum_run(
                                source, gradient, lane_rows, lane_columns, (ring + tap_row) % ring_rows,
                                source_start + in_group, strides[0], windows, row_mask * run_mask,
                                done % gradient_rows, gradient_start + out_group, strides[1], last_slot + 1,
                                operands, run_sums,
                            )  # fmt: skip
                            address = row_offset + tap_row * strides[2] + out_group * strides[3] + offset + in_group
                            accumulators[:, :, address, :] += run_sums
            ring = (ring + ring_step) % ring_rows
            needed += needed_step
            free += release
            gradient_free += 1
            row = (row + 1) % rows.shape[0]
            done += 1
            idle = False

            if done % batch_rows == 0:
                drain(accumulators, places, weight_rule, weight_states, weight_results, sent * places.shape[0])
                for filter_ in range(filters):
                    group, lane = filter_ // sums.shape[2], filter_ % sums.shape[2]
                    total = sums[sent % 2, group, lane]
                    bias_results[sent * filters + filter_] = requantize(total, bias_rule, bias_states, 0)
                    sums[sent % 2, group, lane] = 0
                sent += 1

        if idle:
            return False
    return True
