"""Shape of a line buffer: a ring of rows of one stream, dealt to one or more banks of memory."""

from dataclasses import dataclass

from convstream.fixedpoint.formats import Format


@dataclass(frozen=True)
class Ring:
    """A ring of `ring_rows` rows.

    Row r of the ring lies in bank row ``r % row_banks``, column c in bank column ``c % column_banks``: a window of
    that many neighbours has one word in each bank, wherever it begins.
    """

    form: Format
    lanes: int  # elements in a word
    groups: int  # words of one pixel
    rows: int  # of one frame
    columns: int
    ring_rows: int  # a multiple of row_banks
    row_banks: int = 1
    column_banks: int = 1
    spare_rows: int = 0  # first rows of each frame that nobody reads
    early_rows: int = 0  # most rows that are given back before they have come

    @property
    def most_free_rows(self) -> int:
        """Most rows that may be free at once, those that are given back early included."""
        return self.ring_rows + max(self.spare_rows, self.early_rows)

    @property
    def rows_ahead(self) -> int:
        """Rows that are taken, from the first one after a reset on, before any of them is used."""
        return self.ring_rows + self.spare_rows

    @property
    def row_beats(self) -> int:
        return self.columns * self.groups

    @property
    def word_bits(self) -> int:
        return self.lanes * self.form.width

    @property
    def row_pitch(self) -> int:
        """Words of one row in one bank."""
        return -(-self.columns // self.column_banks) * self.groups

    @property
    def bank_depth(self) -> int:
        """Words of one bank."""
        return self.ring_rows // self.row_banks * self.row_pitch

    @property
    def address_bits(self) -> int:
        """Width of an address; sums of its parts are taken modulo 2**address_bits."""
        return max(1, (self.bank_depth - 1).bit_length())

    def line_address(self, ring_row: int, bank_row: int) -> int:
        """Where, in one bank row, the only row lies that belongs to the window which begins at `ring_row`."""
        row = (ring_row + (bank_row - ring_row) % self.row_banks) % self.ring_rows
        return row // self.row_banks * self.row_pitch
