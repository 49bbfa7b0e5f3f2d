"""Beats are dealt to the banks of the ring in raster order, while there is a free row."""

import pytest

from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.hdl.line_writer import Arrivals, BankWrite, line_writer
from convstream.hdl.stream import AxiStream
from tests.hdl.blocks.bench import Source, flags, limited, small_layer


@pytest.mark.parametrize("held_share", [None, 0.3])
@pytest.mark.parametrize("kernel_lanes", [1, 3, 9])
def test_beats_and_their_banks(bench, kernel_lanes, held_share):
    ring = Plan(small_layer(lanes=(1, 1, kernel_lanes))).ring
    stream, write, arrivals = AxiStream(8), BankWrite(ring), Arrivals(ring)
    (released,), (held,) = limited(1, 3), flags(1)
    bench.start(
        line_writer(
            bench.aclk, bench.aresetn, stream, released, None if held_share is None else held, write, arrivals,
            ring=ring, by_pixel=True,
        )
    )  # fmt: skip
    bench.edge()
    beats, frame = 3 * ring.rows * ring.row_beats, ring.rows * ring.row_beats
    words = [bench.pick.randrange(1 << ring.word_bits) for _ in range(beats)]
    source = Source(bench, stream, words, set(range(frame - 1, beats, frame)), share=0.9)
    free, rows, written = ring.rows_ahead, 0, []
    for _ in range(4 * beats):
        back = bench.pick.randrange(3) if bench.chance(0.1) and free + 2 <= ring.most_free_rows else 0
        released.next, held.next = back, held_share is not None and bench.chance(held_share)
        source.offer()
        bench.settle()
        assert stream.tready == (free > 0 and not held)
        row_ends = stream.tvalid and stream.tready and (beats - len(source.beats) + 1) % ring.row_beats == 0
        free += back - bool(row_ends)
        source.follow()
        bench.edge()
        if write.enable:
            written.append((int(write.row_bank), int(write.column_bank), int(write.address), int(write.word)))
        assert arrivals.row == bool(write.enable and len(written) % ring.row_beats == 0)
        assert arrivals.columns == len(written) % ring.row_beats // ring.groups
        assert arrivals.frame_begun == (len(written) % frame > 0)
        rows += arrivals.row
    assert not source.beats
    assert rows == 3 * ring.rows
    for beat, (row_bank, column_bank, address, word) in enumerate(written):
        row, column, group = (
            beat // ring.row_beats % ring.ring_rows, beat % ring.row_beats // ring.groups, beat % ring.groups
        )  # fmt: skip
        assert (row_bank, column_bank) == (row % ring.row_banks, column % ring.column_banks)
        assert address == (
            row // ring.row_banks * ring.row_pitch + column // ring.column_banks * ring.groups + group
        )
        assert word == words[beat]
