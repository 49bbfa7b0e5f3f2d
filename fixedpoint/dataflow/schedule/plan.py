"""The plan of a core: every number that its blocks are built from, derived once from the layer.

Forward and input gradient are one engine.  Both slide over the rows of a *source* stream (x, or dz) and write a
*result* (z, or dx) from the same weight words; they differ in how an axis is walked (`AxisSchedule`), and in which
of the two channel axes is summed along.  Stride, padding and phase are known here and in `AxisSchedule` only.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from convstream.fixedpoint.dataflow.schedule.axis_schedule import AxisSchedule
from convstream.fixedpoint.dataflow.schedule.descriptors import DescriptorTable, compress
from convstream.fixedpoint.dataflow.schedule.ring import Ring
from convstream.fixedpoint.formats import Format
from convstream.fixedpoint.layer import Layer


class RowRecord(NamedTuple):
    """One row of positions; steps lead to the next row, cyclically."""

    last_tap_row: int  # of the rows of taps walked one after the other, counted from 0
    weight_offset: int  # address of the first tap row in weight memory
    mask: int  # a bit per parallel tap row; 0 where no result of the row has a tap
    ring_step: int  # rows by which the window moves down the ring
    needed_step: int  # rows that the next row of positions needs in addition
    release_step: int  # rows that no later position needs


class ColumnRecord(NamedTuple):
    """One position in its row; steps lead to the next position, cyclically."""

    last_slot: int  # of the multiply cycles for each row of taps, counted from 0
    weight_offset: int  # address of the first tap in weight memory
    mask: int  # a bit per parallel tap column; 0 where no result of the column has a tap
    bank: int  # bank of the window's first column
    address_step: int  # how far the window's first column moves in the line buffer, modulo its address range
    needed_step: int  # columns that the next position needs in addition, modulo `column_modulus`


class GapRecord(NamedTuple):
    """One row or column of the result."""

    computed: bool


def max_step(positions: tuple[int, ...], size: int) -> int:
    """Largest distance from one position to the next, in a circle of `size`."""
    following = positions[1:] + (positions[0] + size,)
    return max(there - here for here, there in zip(positions, following, strict=True))


@dataclass(frozen=True)
class Plan:
    """Constants of the engine for one pass of one layer.

    Parameters
    ----------
    layer : Layer
    gradient : bool
        False for forward (x in, z out), True for the input gradient (dz in, dx out).
    extra_rows : int
        Rows that the line buffer holds beyond what this needs.
    """

    layer: Layer
    gradient: bool = False
    extra_rows: int = 0

    # --- what is computed -------------------------------------------------------------------------------------

    @property
    def source(self) -> str:
        return "dz" if self.gradient else "x"

    @property
    def result(self) -> str:
        return "dx" if self.gradient else "z"

    @property
    def source_format(self) -> Format:
        return self.layer.formats.of(self.source)

    @property
    def result_format(self) -> Format:
        return self.layer.formats.of(self.result)

    @property
    def accumulator(self) -> Format:
        return self.layer.accumulators[self.result]

    # --- lanes and channel groups -----------------------------------------------------------------------------

    @property
    def source_lanes(self) -> int:
        """Channels of the source in one beat, summed along."""
        return self.layer.lanes.out_lanes if self.gradient else self.layer.lanes.in_lanes

    @property
    def result_lanes(self) -> int:
        """Channels of the result in one beat."""
        return self.layer.lanes.in_lanes if self.gradient else self.layer.lanes.out_lanes

    @property
    def in_groups(self) -> int:
        return self.layer.geometry.in_channels // self.layer.lanes.in_lanes

    @property
    def out_groups(self) -> int:
        return self.layer.geometry.out_channels // self.layer.lanes.out_lanes

    @property
    def source_groups(self) -> int:
        """Beats of one source pixel."""
        return self.out_groups if self.gradient else self.in_groups

    @property
    def result_groups(self) -> int:
        """Beats of one result pixel."""
        return self.in_groups if self.gradient else self.out_groups

    # --- the two axes -----------------------------------------------------------------------------------------

    @cached_property
    def rows(self) -> AxisSchedule:
        return AxisSchedule(self.layer.geometry.rows, self.gradient, parallel=self.layer.lanes.kernel_lanes > 1)

    @cached_property
    def columns(self) -> AxisSchedule:
        geometry = self.layer.geometry
        whole_window = geometry.rows.kernel * geometry.columns.kernel
        parallel = self.layer.lanes.kernel_lanes == whole_window > 1
        return AxisSchedule(geometry.columns, self.gradient, parallel)

    @property
    def tap_rows(self) -> int:
        """Rows of taps multiplied at once."""
        return self.rows.axis.kernel if self.rows.parallel else 1

    @property
    def tap_columns(self) -> int:
        """Columns of taps multiplied at once."""
        return self.columns.axis.kernel if self.columns.parallel else 1

    # --- line buffer ------------------------------------------------------------------------------------------

    @cached_property
    def ring(self) -> Ring:
        """The line buffer.

        Where taps are multiplied at once, neighbouring rows (columns) are dealt to as many banks as the window has
        rows (columns).  It holds the rows in use and those that arrive meanwhile.
        """
        row_banks = self.rows.window if self.rows.parallel else 1
        column_banks = self.columns.window if self.columns.parallel else 1
        in_use = max(needed - kept for needed, kept in zip(self.rows.needed, self.rows.kept, strict=True))
        span = max(in_use + max(self.rows.needed_steps), self.rows.window + 1) + self.extra_rows
        return Ring(
            form=self.source_format,
            lanes=self.source_lanes,
            groups=self.source_groups,
            rows=self.rows.sources,
            columns=self.columns.sources,
            ring_rows=-(-span // row_banks) * row_banks,
            row_banks=row_banks,
            column_banks=column_banks,
            spare_rows=self.rows.kept[0],
            early_rows=max(self.rows.early_sources),
        )

    @property
    def column_modulus(self) -> int:
        """Counts of columns are kept modulo this power of two, above any count."""
        return 1 << (self.columns.sources + 1).bit_length()

    # --- weight memory ----------------------------------------------------------------------------------------

    @property
    def serial_tap_rows(self) -> int:
        return self.rows.axis.kernel // self.tap_rows

    @property
    def serial_tap_columns(self) -> int:
        return self.columns.axis.kernel // self.tap_columns

    @property
    def tap_row_stride(self) -> int:
        """Weight addresses from one serial row of taps to the next."""
        return self.serial_tap_columns * self.source_groups

    @property
    def group_stride(self) -> int:
        """Weight addresses from one group of results to the next."""
        return self.serial_tap_rows * self.tap_row_stride

    @property
    def weight_depth(self) -> int:
        """Words of one bank of weight memory; a word holds `in_lanes` weights of one filter and tap."""
        return self.result_groups * self.group_stride

    def memory_depth(self, words: int) -> int:
        """Words of a memory that holds `words` of each set of weights; a second set begins at a power of two."""
        return words if self.layer.weight_sets == 1 else self.layer.weight_sets << (max(words, 2) - 1).bit_length()

    def tap_row_offset(self, tap_row: int) -> int:
        """What a kernel row adds to the address of its weights."""
        return 0 if self.rows.parallel else self.rows.tap_order.index(tap_row) * self.tap_row_stride

    def tap_column_offset(self, tap_column: int) -> int:
        return 0 if self.columns.parallel else self.columns.tap_order.index(tap_column) * self.source_groups

    def tap_row_bank(self, tap_row: int) -> int:
        """Bank that a kernel row's weights lie in: its own where rows are multiplied at once."""
        return tap_row if self.rows.parallel else 0

    def tap_column_bank(self, tap_column: int) -> int:
        return tap_column if self.columns.parallel else 0

    # --- the walk ---------------------------------------------------------------------------------------------

    @cached_property
    def row_records(self) -> list[RowRecord]:
        walk = self.rows
        starts = (*walk.starts, walk.starts[0] + walk.sources)
        return [
            RowRecord(
                last_tap_row=max(1, taps) - 1,
                weight_offset=address * self.tap_row_stride,
                mask=mask,
                ring_step=starts[index + 1] - starts[index],
                needed_step=walk.needed_steps[index],
                release_step=walk.kept_steps[index],
            )
            for index, (taps, address, mask) in enumerate(
                zip(walk.serial_taps, walk.tap_addresses, walk.masks, strict=True)
            )
        ]

    @cached_property
    def column_records(self) -> list[ColumnRecord]:
        walk, banks, groups = self.columns, self.ring.column_banks, self.source_groups
        addresses = [start // banks * groups for start in (*walk.starts, walk.starts[0])]
        needed = (*walk.needed, walk.needed[0])
        return [
            ColumnRecord(
                last_slot=max(1, taps * groups) - 1,
                weight_offset=address * groups,
                mask=mask,
                bank=walk.starts[index] % banks,
                address_step=(addresses[index + 1] - addresses[index]) % (1 << self.ring.address_bits),
                needed_step=(needed[index + 1] - needed[index]) % self.column_modulus,
            )
            for index, (taps, address, mask) in enumerate(
                zip(walk.serial_taps, walk.tap_addresses, walk.masks, strict=True)
            )
        ]

    @cached_property
    def row_program(self) -> DescriptorTable:
        steps = [record._replace(ring_step=record.ring_step % self.ring.ring_rows) for record in self.row_records]
        return compress(steps)

    @cached_property
    def column_program(self) -> DescriptorTable:
        return compress(self.column_records)

    @property
    def first_ring_row(self) -> int:
        return self.rows.starts[0] % self.ring.ring_rows

    @property
    def first_column_address(self) -> int:
        return self.columns.starts[0] // self.ring.column_banks * self.source_groups % (1 << self.ring.address_bits)

    @property
    def has_gaps(self) -> bool:
        """Whether some pixels of the result are not computed but known to be zero."""
        return any(len(walk.positions) < walk.results for walk in (self.rows, self.columns))

    @property
    def longest_gap(self) -> int:
        """Most zero beats that are sent between two computed ones."""
        rows, columns = self.rows, self.columns
        row_gap = max_step(rows.positions, rows.results) - 1
        column_gap = max_step(columns.positions, columns.results) - 1
        return (row_gap * columns.results + column_gap) * self.result_groups

    def gap_program(self, walk: AxisSchedule) -> DescriptorTable:
        """Which pixels of one axis of the result are computed."""
        computed = set(walk.positions)
        return compress([GapRecord(pixel in computed) for pixel in range(walk.results)])

    @property
    def has_tapless(self) -> bool:
        """Whether some result lies wholly on padding: a single slot, whose products are masked even if taps are serial.

        Of the input gradient it is all results or none, since a pixel without taps is zero and is not computed.
        """
        return 0 in self.rows.serial_taps or 0 in self.columns.serial_taps

    @property
    def masked(self) -> bool:
        """Whether operands of a slot may have to be replaced by zero."""
        return self.rows.parallel or self.has_tapless

    def lane_row(self, tap_row: int) -> int:
        """Row of the window that a parallel tap row looks at."""
        return self.rows.window_index(tap_row) if self.rows.parallel else 0

    def lane_column(self, tap_column: int) -> int:
        return self.columns.window_index(tap_column) if self.columns.parallel else 0

    @property
    def fewest_slots(self) -> int:
        """Multiply cycles of the quickest result."""
        if self.has_tapless:
            return 1
        return min(self.rows.serial_taps) * min(self.columns.serial_taps) * self.source_groups
