"""The engine of forward and input gradient: source stream and weights in, requantized results out.

::

    s_axis (source) --> line buffer --operands--+
                          ^    |                v
                  slots --+    | arrived     MAC array --> requantize --> result queue --> m_axis
                  ^       +----|--weights-------^
    positions ----+<-----------+                |
        ^                                       |
    s_axis_weights --> loader --> weight memory, bias memory

Everything behind the slots is a pipeline without stalls: a slot that was issued always comes out.
"""

from myhdl import ConcatSignal, Signal, always_comb, block, intbv

from convstream.fixedpoint.dataflow.schedule.latency import (
    BIAS_LATENCY,
    REQUANTIZE_LATENCY,
    queue_depth,
    result_latency,
    sum_latency,
)
from convstream.hdl.bias_memory import bias_memory
from convstream.hdl.line_buffer import ring_of_rows
from convstream.hdl.line_writer import Arrivals
from convstream.hdl.mac_array import accumulate, accumulate_from_zero, dot_product, product_of
from convstream.hdl.parking import parking
from convstream.hdl.positions import Position, positions
from convstream.hdl.registers import delay, named
from convstream.hdl.requantize import requantize_lane
from convstream.hdl.result_queue import result_queue
from convstream.hdl.sender import send_results, send_with_gaps
from convstream.hdl.slots import Slot, slots
from convstream.hdl.status import engine_status, merge_errors
from convstream.hdl.weight_loader import WeightWrite, weight_loader
from convstream.hdl.weight_memory import weight_memory
from convstream.hdl.window import window


@block
def sequence_results(aclk, aresetn, slot, first, ending, accumulated, result, frame_end, *, plan):
    """Bring a slot's flags to the stages that need them.

    `first` meets the sum of the slot's products; `ending` tells, `BIAS_LATENCY` cycles before that, that the slot
    is the last of its result; `accumulated` meets the finished accumulator; `result` and `frame_end` meet the
    requantized result.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    slot : Slot, in
    first, ending, accumulated, result, frame_end : bool, out
    """
    stage = sum_latency(plan)
    ended = Signal(bool(0))

    @always_comb
    def detect_end():
        ended.next = slot.valid and slot.last

    delays = named(
        first=delay(aclk, aresetn, slot.first, first, cycles=stage),
        ending=delay(aclk, aresetn, ended, ending, cycles=stage - BIAS_LATENCY, reset=True),
        accumulated=delay(aclk, aresetn, ending, accumulated, cycles=BIAS_LATENCY + 1, reset=True),
        result=delay(aclk, aresetn, accumulated, result, cycles=REQUANTIZE_LATENCY, reset=True),
        frame_end=delay(aclk, aresetn, slot.frame_end, frame_end, cycles=result_latency(plan)),
    )
    return detect_end, delays


@block
def result_lane(aclk, aresetn, operands, weights, start, first, accumulated, word, *, plan, lane):
    """One lane of the result: products, sum, accumulator and requantized word; `start` is None without a bias.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    operands : list of signed intbv as wide as the source, in
    weights : list of signed intbv as wide as a weight, in
    start : signed intbv as wide as an aligned bias (or None), in
    first, accumulated : bool, in
    word : intbv of the result's width, out
    """
    terms = len(operands)
    extreme = product_of(operands[0], weights[0])
    total = Signal(intbv(0, min=terms * extreme.min, max=terms * (extreme.max - 1) + 1))
    accumulator = Signal(intbv(0, min=plan.accumulator.lowest, max=plan.accumulator.highest + 1))

    product = dot_product(aclk, operands, weights, total)
    if start is None:
        add_up = accumulate_from_zero(aclk, total, first, accumulator)
    else:
        add_up = accumulate(aclk, total, first, start, accumulator)
    finish = requantize_lane(
        aclk, aresetn, accumulator, accumulated, word, layer=plan.layer, tensor=plan.result, lane=lane
    )
    return named(products=product, accumulate=add_up, round=finish)


@block
def window_engine(
    aclk, aresetn, s_axis_weights, s_axis, m_axis, frame_error, idle, weights_loaded, waits_for_weights,
    waits_for_source, *, plan,
):  # fmt: skip
    """One pass over the rows of `s_axis`.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    s_axis_weights : AxiStream, in
        Weights and biases; taken whenever the engine is between two frames.
    s_axis : AxiStream, in
        Source, in raster order with channel groups innermost.
    m_axis : AxiStream, out
        Result, in the same order.
    frame_error, idle, weights_loaded, waits_for_weights, waits_for_source : bool, out
        See `status` and `weight_loader`.
    plan : Plan
    """
    lanes, formats = plan.layer.lanes, plan.layer.formats

    def flags(count):
        return (Signal(bool(0)) for _ in range(count))

    position = Position(plan)
    slot = Slot(plan, position)
    weight_write = WeightWrite(plan, len(s_axis_weights.tdata))
    arrivals = Arrivals(plan.ring)
    weights_ready, weights_error, second_in_use, arrived, rows_wait, taken, room, parked = flags(8)
    first, ending, accumulated, result, frame_end, issued, available, removed, queue_empty = flags(9)
    at_frame_start = Signal(bool(1))

    def elements(form, count):
        return [Signal(intbv(0, min=form.lowest, max=form.highest + 1)) for _ in range(count)]

    taps = range(lanes.kernel_lanes)
    operands = [elements(plan.source_format, plan.source_lanes) for _ in taps]
    weights = [[elements(formats.weights, lanes.in_lanes) for _ in taps] for _ in range(lanes.out_lanes)]
    ring_row = Signal(intbv(0, min=0, max=plan.ring.ring_rows))
    words = [[Signal(intbv(0)[plan.ring.word_bits :]) for _ in range(plan.ring.column_banks)]
             for _ in range(plan.ring.row_banks)]  # fmt: skip
    results = [Signal(intbv(0)[plan.result_format.width :]) for _ in range(plan.result_lanes)]

    instances = named(
        line_buffer=ring_of_rows(
            aclk, aresetn, s_axis, slot.release, slot.ring, slot.column, slot.bank, ring_row, words, arrivals,
            ring=plan.ring, by_pixel=True,
        ),
        window=window(aclk, aresetn, slot, ring_row, words, operands, plan=plan),
        weight_loader=weight_loader(
            aclk, aresetn, s_axis_weights, parked, weights_ready, weights_loaded, second_in_use, weight_write,
            weights_error, plan=plan,
        ),
        weight_memory=weight_memory(aclk, aresetn, weight_write, second_in_use, slot, weights, plan=plan),
        positions=positions(
            aclk, aresetn, arrivals, weights_ready, taken, at_frame_start, arrived, rows_wait, position, plan=plan
        ),
        slots=slots(aclk, aresetn, position, taken, room, issued, slot, plan=plan),
        parking=parking(aclk, aresetn, position.valid, at_frame_start, parked, cycles=result_latency(plan)),
        flags=sequence_results(aclk, aresetn, slot, first, ending, accumulated, result, frame_end, plan=plan),
    )

    starts = [None] * plan.result_lanes
    if not plan.gradient:
        extreme = formats.bias.lowest << plan.layer.bias_shift
        starts = [Signal(intbv(0, min=extreme, max=-extreme)) for _ in starts]
        biases = bias_memory(aclk, aresetn, weight_write, second_in_use, ending, starts, plan=plan)
        instances += named(bias_memory=biases)

    flat_operands = [operand for tap in operands for operand in tap]
    for lane in range(plan.result_lanes):
        if plan.gradient:
            lane_weights = [weights[k][tap][lane] for tap in range(lanes.kernel_lanes) for k in range(lanes.out_lanes)]
        else:
            lane_weights = [weight for tap in weights[lane] for weight in tap]
        compute = result_lane(
            aclk, aresetn, flat_operands, lane_weights, starts[lane], first, accumulated, results[lane],
            plan=plan, lane=lane,
        )  # fmt: skip
        instances += named(**{f"lane_{lane}": compute})

    depth = queue_depth(plan)
    entry = ConcatSignal(frame_end, *reversed(results))
    head = Signal(intbv(0)[len(entry) :])
    if plan.has_gaps:
        sending = Signal(bool(0))
        send = send_with_gaps(aclk, aresetn, available, head, removed, sending, m_axis, plan=plan)
    else:
        sending = m_axis.tvalid
        send = send_results(aclk, aresetn, available, head, removed, m_axis)
    instances += named(
        queue=result_queue(
            aclk, aresetn, issued, room, result, entry, available, head, removed, queue_empty, depth=depth
        ),
        send=send,
        errors=merge_errors(aclk, aresetn, arrivals.frame_error, weights_error, frame_error),
        status=engine_status(
            aclk, aresetn, arrivals, at_frame_start, arrived, rows_wait, position.valid, weights_ready, queue_empty,
            sending, idle, waits_for_weights, waits_for_source,
        ),
    )  # fmt: skip
    return instances
