"""A block refuses parameters that it cannot build, with one line that says the rule."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from convstream.fixedpoint.dataflow.schedule.descriptors import DescriptorTable
from convstream.fixedpoint.dataflow.schedule.gradient_plan import GradientPlan
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.fixedpoint.formats import Format, Overflow, Rounding
from convstream.hdl.bank_number import bank_number
from convstream.hdl.bias_memory import bias_bank
from convstream.hdl.drain import drain
from convstream.hdl.draw import draw_bits
from convstream.hdl.gradient_bank import gradient_bank
from convstream.hdl.line_buffer import line_buffer
from convstream.hdl.line_writer import BankWrite
from convstream.hdl.mac_array import add, adder_tree, dot_product, multiply
from convstream.hdl.memory import memory
from convstream.hdl.parking import parking
from convstream.hdl.registers import delay, look_up
from convstream.hdl.requantize import requantize
from convstream.hdl.result_queue import result_queue
from convstream.hdl.rotate import rotate
from convstream.hdl.select_word import select_word
from convstream.hdl.sender import send_results
from convstream.hdl.stream import AxiStream
from convstream.hdl.walk import walk
from convstream.hdl.weight_order import WeightPlace, filter_order
from convstream.hdl.window import split_word, take_masked_lane
from tests.hdl.blocks.bench import flags, limited, signed, small_layer, words


def _bit():
    return flags(1)[0]


def _word(bits: int):
    return words(1, bits)[0]


def _below(limit: int):
    return limited(1, limit)[0]


def _line_buffer():
    ring = Plan(small_layer(lanes=(1, 1, 9))).ring
    broken = replace(ring, ring_rows=ring.ring_rows + 1)
    shown = [words(3, ring.word_bits) for _ in range(3)]
    return line_buffer(_bit(), _bit(), BankWrite(ring), _below(20), _word(4), _below(3), _below(20), shown, ring=broken)


def _gradient_bank():
    plan = GradientPlan(small_layer())
    return gradient_bank(
        _bit(), signed(1, 4), signed(1, 4)[0], *flags(4), _below(2), _below(4), _below(4), _word(12), plan=plan, bank=2
    )


def _drain():
    plan = GradientPlan(small_layer())
    return drain(*flags(5), WeightPlace(plan.window), *flags(2), plan=plan, wait_cycles=0)


def _bank_number(*sizes: int):
    lanes, tap_rows, tap_columns = sizes
    place = SimpleNamespace(lane=_below(4), tap_row=_below(4), tap_column=_below(4))
    return bank_number(_bit(), place, _below(6), lanes=lanes, tap_rows=tap_rows, tap_columns=tap_columns)


def _queue(depth: int):
    return result_queue(*flags(5), _word(4), _bit(), _word(4), *flags(2), depth=depth)


def _draw(bits: int, state: int):
    return draw_bits(*flags(3), _word(bits), initial_state=state)


def _stochastic(draw):
    return requantize(
        _bit(), signed(1, 8)[0], draw, _word(4), shift=3, rounding=Rounding.STOCHASTIC, overflow=Overflow.WRAP
    )


def _filters(lanes: int, groups: int):
    return filter_order(*flags(3), _below(2), _below(2), *flags(2), lanes=lanes, groups=groups)


def _walk(*loop: int):
    return walk(*flags(3), _below(3), _bit(), program=DescriptorTable(("a", "b", "c"), *loop))


@pytest.mark.parametrize(
    ("build", "rule"),
    [
        (lambda: delay(_bit(), _bit(), _word(4), _word(4), cycles=0), "cycles must be at least 1, not 0"),
        (lambda: look_up(_below(2), _word(3), entries=()), r"entries must be .* from 0 to 7, not \(\)"),
        (lambda: look_up(_below(2), _word(3), entries=(1, 8)), r"entries must be .* from 0 to 7, not \(1, 8\)"),
        (lambda: look_up(_below(2), _bit(), entries=(1, 2)), r"entries must be .* from 0 to 1, not \(1, 2\)"),
        (lambda: memory(*flags(2), *words(4, 2), depth=0), "depth must be at least 1, not 0"),
        (lambda: rotate(words(1, 4), _below(2), words(1, 4)), "at least 2 and as many, not 1 and 1"),
        (lambda: rotate(words(3, 4), _below(3), words(2, 4)), "at least 2 and as many, not 3 and 2"),
        (lambda: select_word(*flags(2), words(1, 4), _below(2), _word(4)), "words must be at least 2, not 1"),
        (lambda: _walk(1, 3, 1), "the loop must lie within the records"),
        (lambda: _walk(2, 1, 1), "the loop must lie within the records"),
        (lambda: _walk(0, 1, 0), "the loop must lie within the records"),
        (lambda: parking(*flags(5), cycles=0), "cycles must be at least 1, not 0"),
        (lambda: _bank_number(2, 0, 1), r"must be 1 to 6, not 2 \* 0 \* 1"),
        (lambda: _bank_number(2, 2, 2), r"must be 1 to 6, not 2 \* 2 \* 2"),
        (lambda: _queue(0), "depth must be a power of two, at least 2, not 0"),
        (lambda: _queue(1), "depth must be a power of two, at least 2, not 1"),
        (lambda: _queue(6), "depth must be a power of two, at least 2, not 6"),
        (lambda: _draw(8, 0), "initial_state must be 64 bits and not 0, not 0"),
        (lambda: _draw(65, 1), "draw must be at most 64 bits, not 65"),
        (lambda: _stochastic(None), "draw must be 3 bits, not None"),
        (lambda: _stochastic(_word(2)), "draw must be 3 bits, not 2"),
        (lambda: multiply(_bit(), *signed(3, 4)), "-8 to 7 must hold every number from -56 to 64"),
        (lambda: add(_bit(), *signed(3, 4)), "-8 to 7 must hold every number from -16 to 14"),
        (lambda: adder_tree(_bit(), signed(1, 4), signed(1, 4)[0]), "terms must be at least 2, not 1"),
        (lambda: adder_tree(_bit(), signed(5, 4), signed(1, 6)[0]), "-32 to 31 must hold every number from -40 to 35"),
        (lambda: dot_product(_bit(), [], [], signed(1, 4)[0]), "operands must be at least 1, not 0"),
        (lambda: _filters(0, 1), "lanes must be 1 to 2, groups 1 to 2, not 0 and 1"),
        (lambda: _filters(1, 3), "lanes must be 1 to 2, groups 1 to 2, not 1 and 3"),
        (_drain, "wait_cycles must be at least 1, not 0"),
        (_line_buffer, "ring_rows must be a multiple of 3 row banks, not "),
        (lambda: split_word(_word(7), signed(2, 4), width=4), "bits 4 to 7 must lie within a word of 7 bits"),
        (
            lambda: take_masked_lane(
                _bit(), _word(4), *words(2, 1), signed(1, 4)[0], low=2, high=2, row=0, column=0
            ),
            "bits 2 to 1 must lie within a word of 4 bits",
        ),
        (_gradient_bank, "bank must be 0 to 1, not 2"),
        (
            lambda: bias_bank(
                _bit(), SimpleNamespace(word=_word(8)), _below(2), _below(2), signed(1, 8)[0], lane=0,
                form=Format(8, 0), shift=-1, depth=2,
            ),
            "shift must be at least 0, not -1",
        ),
        (lambda: send_results(*flags(3), _word(10), _bit(), AxiStream(8)), "at most 8 bits, as tdata is, not 9"),
    ],
)  # fmt: skip
def test_a_block_that_cannot_be_built(build, rule):
    with pytest.raises(ValueError, match=rule):
        build()
