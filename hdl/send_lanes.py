"""The way of dw and db out of their core: the word that was asked for, requantized lane by lane, queued and sent."""

from myhdl import ConcatSignal, Signal, block, intbv

from convstream.fixedpoint.dataflow.schedule.latency import REQUANTIZE_LATENCY, drain_queue_depth, drained_latency
from convstream.hdl.registers import delay, like, named
from convstream.hdl.requantize import requantize_lane
from convstream.hdl.result_queue import result_queue
from convstream.hdl.select_word import select_word
from convstream.hdl.sender import send_results
from convstream.hdl.window import split_word


@block
def send_lanes(aclk, aresetn, words, index, step, end, room, empty, m_axis, *, layer, tensor, read_latency):
    """Select the word that was asked for, requantize its lanes and send them.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    words : list of intbv of one word of each bank, in
        Candidates, `read_latency` cycles after the step.
    index : intbv below ``len(words)``, in
        Which one, with the words.
    step, end : bool, in
        A word is asked for; it is the last one of its batch.
    room, empty : bool, out
        Another step may come; nothing is on its way.
    m_axis : AxiStream, out
    """
    form = layer.accumulators[tensor]
    lanes = len(words[0]) // form.width
    latency = drained_latency(len(words), read_latency)
    depth = drain_queue_depth(len(words), read_latency)
    chosen = like(words[0])
    accumulators = [Signal(intbv(0, min=form.lowest, max=form.highest + 1)) for _ in range(lanes)]
    results = [Signal(intbv(0)[layer.formats.of(tensor).width :]) for _ in range(lanes)]
    valid, result, last, available, removed = (Signal(bool(0)) for _ in range(5))
    entry = ConcatSignal(last, *reversed(results))
    head = Signal(intbv(0)[len(entry) :])

    instances = named(
        valid=delay(aclk, aresetn, step, valid, cycles=latency - REQUANTIZE_LATENCY, reset=True),
        result=delay(aclk, aresetn, valid, result, cycles=REQUANTIZE_LATENCY, reset=True),
        last=delay(aclk, aresetn, end, last, cycles=latency),
        queue=result_queue(aclk, aresetn, step, room, result, entry, available, head, removed, empty, depth=depth),
        send=send_results(aclk, aresetn, available, head, removed, m_axis),
    )
    if len(words) > 1:
        instances += named(select=select_word(aclk, aresetn, words, index, chosen))
    else:
        chosen = words[0]
    instances += named(chosen=split_word(chosen, accumulators, width=form.width))
    for lane in range(lanes):
        instance = requantize_lane(
            aclk, aresetn, accumulators[lane], valid, results[lane], layer=layer, tensor=tensor, lane=lane
        )
        instances += named(**{f"lane_{lane}": instance})
    return instances
