"""Blocks elaborated alone, small, so that a solver can look at all that they may do.

    python -m tests.hdl.formal.blocks NAME      prints the Verilog of one of them
"""

import sys
import tempfile
import warnings
from pathlib import Path

from myhdl import ResetSignal, Signal, ToVerilogWarning, block, intbv

from convstream.fixedpoint.dataflow.schedule.gradient_plan import GradientPlan
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.fixedpoint.formats import Format, Formats, Overflow, Rounding
from convstream.fixedpoint.layer import Layer
from convstream.hdl.bias_gradient import bias_gradient
from convstream.hdl.drain import drain
from convstream.hdl.frame_synchronizer import frame_synchronizer
from convstream.hdl.gradient_rows import hold_apart
from convstream.hdl.line_writer import Arrivals, BankWrite, line_writer
from convstream.hdl.parking import parking
from convstream.hdl.registers import delay
from convstream.hdl.requantize import requantize
from convstream.hdl.result_queue import result_queue
from convstream.hdl.sender import send_results, send_with_gaps
from convstream.hdl.stream import AxiStream
from convstream.hdl.walk import record_index, walk
from convstream.hdl.weight_loader import WeightWrite, weight_loader
from convstream.hdl.weight_order import WeightPlace, filter_order
from convstream.reference.geometry import Geometry


def small_layer(
    size: tuple[int, int] = (2, 2), channels: tuple[int, int] = (2, 2), kernel: int = 1, stride: int = 1,
    padding: int = 0, batch: int = 1, weight_sets: int = 1,
) -> Layer:  # fmt: skip
    """A layer of words of three bits."""
    form, wide = Format(3, 0), Format(6, 0)
    geometry = Geometry.square(
        batch=batch, in_channels=channels[0], height=size[0], width=size[1], out_channels=channels[1], kernel=kernel,
        stride=stride, padding=padding,
    )  # fmt: skip
    formats = Formats(form, form, form, form, form, form, wide, wide, Rounding.FLOOR, Overflow.WRAP)
    return Layer(geometry, formats, weight_sets=weight_sets)


def _flags(count: int):
    return (Signal(bool(0)) for _ in range(count))


class _Clocked:
    """The clock and the reset that every block has."""

    def __init__(self):
        self.aclk = Signal(bool(0))
        self.aresetn = ResetSignal(1, active=0, isasync=False)


def _frame_synchronizer(clocked):
    return frame_synchronizer(clocked.aclk, clocked.aresetn, AxiStream(8), *_flags(6))


def _line_writer(clocked):
    """Frames of 2 x 2 pixels of two groups, a ring of three rows."""
    ring = Plan(small_layer()).ring
    released = Signal(intbv(0, min=0, max=ring.ring_rows + 1))
    return line_writer(
        clocked.aclk, clocked.aresetn, AxiStream(8), released, Signal(bool(0)), BankWrite(ring), Arrivals(ring),
        ring=ring, by_pixel=True,
    )  # fmt: skip


def _weight_loader(clocked, weight_sets=1):
    """Sets of 2 x 1 x 2 x 2 weights and two biases."""
    plan = Plan(small_layer(channels=(2, 2), size=(2, 2), kernel=2, weight_sets=weight_sets))
    write = WeightWrite(plan, 8)
    return weight_loader(clocked.aclk, clocked.aresetn, AxiStream(8), *_flags(4), write, *_flags(1), plan=plan)


def _filter_order(clocked):
    """Six filters, in groups of three."""
    lane, group = Signal(intbv(0, min=0, max=3)), Signal(intbv(0, min=0, max=2))
    running, advance, lane_done, end = _flags(4)
    return filter_order(clocked.aclk, running, advance, lane, group, lane_done, end, lanes=3, groups=2)


def _drain(clocked):
    """Eight accumulators."""
    plan = GradientPlan(small_layer(channels=(2, 1), size=(3, 3), kernel=2))
    place = WeightPlace(plan.window)
    batch_done, room, draining, step, sent = _flags(5)
    return drain(
        clocked.aclk, clocked.aresetn, batch_done, room, draining, place, step, sent, plan=plan, wait_cycles=3
    )  # fmt: skip


def _bias_gradient(clocked):
    """Batches of two rows of two pixels, two filters one after the other."""
    plan = GradientPlan(small_layer(channels=(1, 2), size=(2, 2)))
    row_arrived, held, room, step, last, pending = _flags(6)
    lane, word = Signal(intbv(0, min=0, max=2)), Signal(intbv(0)[plan.layer.accumulators["db"].width :])

    @block
    def one_lane(aclk, aresetn, write, row_arrived, held, room, step, lane, last, word, pending):
        sums = bias_gradient(
            aclk, aresetn, write, row_arrived, held, room, step, lane, last, [word], pending, plan=plan
        )
        sums.name = "sums"
        return sums

    write = BankWrite(plan.gradient_ring)
    return one_lane(clocked.aclk, clocked.aresetn, write, row_arrived, held, room, step, lane, last, word, pending)


def _result_queue(clocked):
    word, head = (Signal(intbv(0)[4:]) for _ in range(2))
    issued, room, write, available, remove, empty = _flags(6)
    return result_queue(
        clocked.aclk, clocked.aresetn, issued, room, write, word, available, head, remove, empty, depth=4
    )  # fmt: skip


def _send_results(clocked):
    available, remove = _flags(2)
    return send_results(clocked.aclk, clocked.aresetn, available, Signal(intbv(0)[9:]), remove, AxiStream(8))


def _send_with_gaps(clocked):
    """dx of 3 x 3 pixels of two groups, of which every second row and column is computed."""
    plan = Plan(small_layer(size=(3, 3), channels=(2, 1), stride=2), gradient=True)
    available, remove, sending = _flags(3)
    return send_with_gaps(
        clocked.aclk, clocked.aresetn, available, Signal(intbv(0)[9:]), remove, sending, AxiStream(8), plan=plan
    )  # fmt: skip


def _parking(clocked):
    return parking(clocked.aclk, clocked.aresetn, *_flags(3), cycles=6)


def _hold_apart(clocked):
    return hold_apart(clocked.aclk, clocked.aresetn, *_flags(2))


def _walk(clocked):
    """The rows of an image of five, with padding: the first, three that are alike, the last."""
    program = Plan(small_layer(size=(7, 7), kernel=3)).row_program
    (advance, at_end) = _flags(2)
    return walk(clocked.aclk, clocked.aresetn, advance, record_index(program), at_end, program=program)


def _delay(clocked):
    source, target = (Signal(intbv(0)[4:]) for _ in range(2))
    return delay(clocked.aclk, clocked.aresetn, source, target, cycles=3, reset=True)


def _requantize(clocked, rounding, overflow, width, shift, result_width):
    accumulator = Signal(intbv(0, min=-(1 << width - 1), max=1 << width - 1))
    draw = Signal(intbv(0)[shift:]) if Rounding(rounding) is Rounding.STOCHASTIC and shift > 0 else None
    return requantize(
        clocked.aclk, accumulator, draw, Signal(intbv(0)[result_width:]), shift=shift, rounding=Rounding(rounding),
        overflow=Overflow(overflow),
    )  # fmt: skip


def _main(name: str, *parameters: str) -> None:
    warnings.simplefilter("ignore", ToVerilogWarning)  # a block alone has ports that it does not use
    make = globals()[f"_{name}"]
    arguments = [int(text) if text.lstrip("-").isdigit() else text for text in parameters]
    block = make(_Clocked(), *arguments)
    block.name = name
    with tempfile.TemporaryDirectory() as folder:
        block.convert(
            hdl="Verilog", path=folder, name=name, testbench=False, initial_values=False, no_myhdl_header=True,
            no_testbench=True,
        )  # fmt: skip
        print((Path(folder) / f"{name}.v").read_text())


if __name__ == "__main__":
    _main(*sys.argv[1:])
