"""The weight gradient core: x and dz in; dw and db out, once a batch.

::

    s_axis_x  --> line buffer --> window --+
                      ^                    +--> multipliers, sums of runs --> accumulator banks
    s_axis_dz --> line buffer -------------+                                        |
          |           ^                                                             v
          |     rows, runs  <------------------ batch done ----------------------  drain --> requantize --> m_axis_dw
          v
        sums of dz ------------------------------------------------------------------------> requantize --> m_axis_db
"""

from myhdl import Signal, always, always_comb, block, intbv

from convstream.fixedpoint.dataflow.schedule.latency import (
    BIAS_READ_LATENCY,
    DRAIN_READ_LATENCY,
    READ_LATENCY,
    RELEASE_LATENCY,
    UPDATE_LATENCY,
    address_latency,
    operand_latency,
    update_latency,
)
from convstream.hdl.bank_number import bank_number
from convstream.hdl.bias_gradient import bias_gradient
from convstream.hdl.drain import drain
from convstream.hdl.gradient_bank import gradient_bank
from convstream.hdl.gradient_rows import GradientRow, gradient_rows
from convstream.hdl.line_buffer import line_buffer, ring_of_rows
from convstream.hdl.line_writer import Arrivals, BankWrite, line_writer
from convstream.hdl.registers import delay, like, named
from convstream.hdl.runs import GradientSlot, runs
from convstream.hdl.send_lanes import send_lanes
from convstream.hdl.status import gradient_status, merge_errors
from convstream.hdl.weight_order import WeightPlace
from convstream.hdl.window import split_word, window


@block
def gradient_source(aclk, aresetn, s_axis, slot, held, write, arrivals, gradients, *, plan):
    """The line buffer of dz: gives each slot its lanes of dz, at the same time as its window.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    s_axis : AxiStream, in
    slot : GradientSlot, in
    held : bool, in
        No beat may be taken.
    write : BankWrite, out
        The beats on their way into the buffer.
    arrivals : Arrivals, out
    gradients : list of signed intbv as wide as dz, out
    """
    ring = plan.gradient_ring
    released = like(slot.gradient_release)
    ring_row = like(slot.gradient_ring)
    read_word = Signal(intbv(0)[ring.word_bits :])
    word, waits = read_word, []
    if operand_latency(plan.window) > READ_LATENCY:
        word = like(read_word)
        wait_cycles = operand_latency(plan.window) - READ_LATENCY
        waits = named(word=delay(aclk, aresetn, read_word, word, cycles=wait_cycles))
    parts = named(
        release=delay(aclk, aresetn, slot.gradient_release, released, cycles=RELEASE_LATENCY, reset=True),
        writer=line_writer(aclk, aresetn, s_axis, released, held, write, arrivals, ring=ring, by_pixel=False),
        lines=line_buffer(
            aclk, aresetn, write, slot.gradient_ring, slot.gradient_column, None, ring_row, [[read_word]], ring=ring
        ),
        lanes=split_word(word, gradients, width=ring.form.width),
    )
    return parts, waits


@block
def address_accumulators(
    aclk, aresetn, slot, drain_step, place, read_address, write_address, read_bank, write_bank, *, plan,
):  # fmt: skip
    """Which accumulator is read, for a slot or by the drain, and written three cycles later.

    `read_bank` meets the word that the drain asked for, `write_bank` the write that clears it.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    slot : GradientSlot, in
    drain_step : bool, in
    place : WeightPlace, in
    read_address, write_address : intbv below `plan.accumulator_depth`, out
    read_bank, write_bank : intbv below the number of banks, out
    """
    summed, run_address = like(read_address), like(read_address)
    asked_bank = like(read_bank)
    tap_rows, tap_columns = plan.window.tap_rows, plan.window.tap_columns
    lane_banks = tap_rows * tap_columns

    @always(aclk.posedge)
    def add():
        summed.next = slot.accumulator_base + slot.accumulator_offset

    @always(aclk.posedge)
    def choose():
        if drain_step:
            read_address.next = place.address
        else:
            read_address.next = run_address

    if lane_banks > 1:
        bank_latency = DRAIN_READ_LATENCY - 1
        number_bank = named(bank_number=bank_number(
            aclk, place, asked_bank, lanes=plan.layer.lanes.out_lanes, tap_rows=tap_rows, tap_columns=tap_columns
        ))  # fmt: skip
    else:
        bank_latency = DRAIN_READ_LATENCY

        @always_comb
        def number_bank():
            asked_bank.next = place.lane * lane_banks + place.tap_row * tap_columns + place.tap_column

    delays = named(
        run=delay(aclk, aresetn, summed, run_address, cycles=address_latency(plan) - 2),
        write=delay(aclk, aresetn, read_address, write_address, cycles=UPDATE_LATENCY),
        read_bank=delay(aclk, aresetn, asked_bank, read_bank, cycles=bank_latency),
        write_bank=delay(aclk, aresetn, read_bank, write_bank, cycles=1 + UPDATE_LATENCY - DRAIN_READ_LATENCY),
    )
    return add, choose, number_bank, delays


@block
def conv_weight_gradient(
    aclk, aresetn, s_axis_x, s_axis_dz, m_axis_dw, m_axis_db, frame_error, idle, waits_for_x, waits_for_dz, *, plan
):  # fmt: skip
    """dw[k,c,r,s] = sum over n, i, j of dz[n,k,i,j] * x[n,c,i*S+r-P,j*S+s-P]; db[k] = sum of dz[n,k,i,j].

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    s_axis_x, s_axis_dz : AxiStream, in
        Images and gradients in raster order, `in_lanes` and `out_lanes` channels a beat; they may stall
        independently of each other.
    m_axis_dw, m_axis_db : AxiStream, out
        After the last image of a batch, in the order of the weight stream, in whichever order they are taken; the
        accumulators are then clear.
    frame_error, idle, waits_for_x, waits_for_dz : bool, out
        Status: see `hdl.status`.
    plan : GradientPlan
    """
    layer, inner = plan.layer, plan.window
    lanes, formats = layer.lanes, layer.formats

    row = GradientRow(plan)
    slot = GradientSlot(plan, row)
    write = BankWrite(plan.gradient_ring)
    place = WeightPlace(inner)
    source, gradient = Arrivals(inner.ring), Arrivals(plan.gradient_ring)

    def flags(count):
        return (Signal(bool(0)) for _ in range(count))

    taken, batch_taken, draining, held = flags(4)
    weight_room, weight_step, weight_sent, weights_empty = flags(4)
    bias_room, bias_step, bias_end, bias_pending, biases_empty = flags(5)
    first, update, clearing, clear = flags(4)
    source_waits, gradient_waits, source_missing, gradient_missing, queues_empty, sending = flags(6)
    at_batch_start = Signal(bool(1))

    def elements(form, count):
        return [Signal(intbv(0, min=form.lowest, max=form.highest + 1)) for _ in range(count)]

    operands = [elements(formats.input, lanes.in_lanes) for _ in range(lanes.kernel_lanes)]
    gradients = elements(formats.output_gradient, lanes.out_lanes)
    ring_row = Signal(intbv(0, min=0, max=inner.ring.ring_rows))
    words = [[Signal(intbv(0)[inner.ring.word_bits :]) for _ in range(inner.ring.column_banks)]
             for _ in range(inner.ring.row_banks)]  # fmt: skip
    stage = address_latency(plan)

    instances = named(
        line_buffer=ring_of_rows(
            aclk, aresetn, s_axis_x, slot.release, slot.ring, slot.column, slot.bank, ring_row, words, source,
            ring=inner.ring, by_pixel=False,
        ),
        window=window(aclk, aresetn, slot, ring_row, words, operands, plan=inner),
        gradient_lines=gradient_source(
            aclk, aresetn, s_axis_dz, slot, held, write, gradient, gradients, plan=plan
        ),
        rows=gradient_rows(
            aclk, aresetn, source.row, gradient.row, draining, taken, at_batch_start, source_waits, gradient_waits,
            source_missing, gradient_missing, row, plan=plan,
        ),
        runs=runs(aclk, aresetn, row, taken, slot, plan=plan),
        drain=drain(
            aclk, aresetn, batch_taken, weight_room, draining, place, weight_step, weight_sent, plan=plan,
            wait_cycles=update_latency(plan),
        ),
        first=delay(aclk, aresetn, slot.first, first, cycles=stage + 1),
        update=delay(aclk, aresetn, slot.last, update, cycles=stage + UPDATE_LATENCY, reset=True),
        clearing=delay(aclk, aresetn, weight_step, clearing, cycles=UPDATE_LATENCY, reset=True),
        clear=delay(aclk, aresetn, clearing, clear, cycles=1, reset=True),
    )

    # the accumulators of the weights
    bank_count = lanes.out_lanes * lanes.kernel_lanes
    read_bank, write_bank = (Signal(intbv(0, min=0, max=max(2, bank_count))) for _ in range(2))
    read_address, write_address = (Signal(intbv(0, min=0, max=max(2, plan.accumulator_depth))) for _ in range(2))
    bank_bits = lanes.in_lanes * layer.accumulators["dw"].width
    bank_words = [Signal(intbv(0)[bank_bits:]) for _ in range(bank_count)]
    instances += named(
        address=address_accumulators(
            aclk, aresetn, slot, weight_step, place, read_address, write_address, read_bank, write_bank, plan=plan
        )
    )
    for number, word in enumerate(bank_words):
        lane, tap = divmod(number, lanes.kernel_lanes)
        bank = gradient_bank(
            aclk, operands[tap], gradients[lane], first, update, clearing, clear, write_bank, read_address,
            write_address, word, plan=plan, bank=number,
        )  # fmt: skip
        instances += named(**{f"bank_{lane}_{tap}": bank})

    # the sums of dz
    sum_words = [Signal(intbv(0)[layer.accumulators["db"].width :]) for _ in range(lanes.out_lanes)]
    asked_lane, sum_lane = like(place.lane), like(place.lane)
    instances += named(
        bias_gradient=bias_gradient(
            aclk, aresetn, write, gradient.row, held, bias_room, bias_step, asked_lane, bias_end, sum_words,
            bias_pending, plan=plan,
        )
    )  # fmt: skip
    if lanes.out_lanes > 1:
        instances += named(sum_lane=delay(aclk, aresetn, asked_lane, sum_lane, cycles=BIAS_READ_LATENCY))

    instances += named(
        send_dw=send_lanes(
            aclk, aresetn, bank_words, read_bank, weight_sent, place.end, weight_room, weights_empty, m_axis_dw,
            layer=layer, tensor="dw", read_latency=DRAIN_READ_LATENCY,
        ),
        send_db=send_lanes(
            aclk, aresetn, sum_words, sum_lane, bias_step, bias_end, bias_room, biases_empty, m_axis_db,
            layer=layer, tensor="db", read_latency=BIAS_READ_LATENCY,
        ),
        errors=merge_errors(aclk, aresetn, source.frame_error, gradient.frame_error, frame_error),
        status=gradient_status(
            aclk, aresetn, source, gradient, at_batch_start, source_waits, gradient_waits, row.valid, draining,
            bias_pending, queues_empty, sending, source_missing, gradient_missing, idle, waits_for_x, waits_for_dz,
        ),
    )  # fmt: skip

    @always_comb
    def detect_batch_end():
        batch_taken.next = taken and row.batch_end

    @always_comb
    def watch_results():
        queues_empty.next = weights_empty and biases_empty
        sending.next = m_axis_dw.tvalid or m_axis_db.tvalid

    return instances, detect_batch_end, watch_results
