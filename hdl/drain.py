"""Drain: sends the accumulators once a batch is done, in the order of the weight stream, and clears them.

It also runs once after reset, without sending anything: then it only clears.
"""

from myhdl import Signal, always_comb, always_seq, block, intbv

from hdl.registers import named
from hdl.weight_order import weight_order


@block
def drain(aclk, aresetn, begin, weight_room, bias_room, draining, place, weight_step, bias_step, silent, done, *,
          plan, wait_cycles):  # fmt: skip
    """Walk all weight gradients, then all bias gradients.

    Parameters
    ----------
    begin : bool
        The batch's last slot is issued in this cycle; its accumulators are up to date `wait_cycles` later.
    weight_room, bias_room : bool
        Another result may be sent.
    draining : bool, out
        No slot may be issued.
    place : WeightPlace, out
        What is read now, if `weight_step` or `bias_step` is high.
    silent : bool, out
        It is the clearing after reset: nothing is to be sent.
    done : bool, out
        Pulses with the last step that sends something.
    """
    active = Signal(bool(1))
    wait = Signal(intbv(0, min=0, max=wait_cycles + 1))
    step, last = Signal(bool(0)), Signal(bool(0))

    order = named(order=weight_order(aclk, aresetn, step, place, plan=plan.window))

    @always_comb
    def show():
        draining.next = active

    @always_comb
    def decide_weight():
        weight_step.next = active and wait == 0 and not place.bias and (weight_room or silent)

    @always_comb
    def decide_bias():
        bias_step.next = active and wait == 0 and place.bias and (bias_room or silent)

    @always_comb
    def decide():
        step.next = weight_step or bias_step

    @always_comb
    def detect_end():
        last.next = bias_step and place.end

    @always_comb
    def tell():
        done.next = bias_step and place.end and not silent

    @always_seq(aclk.posedge, reset=aresetn)
    def follow():
        if begin:
            active.next = True
            wait.next = wait_cycles
        else:
            if wait != 0:
                wait.next = wait - 1
            if last:
                active.next = False
                silent.next = False

    return order, show, decide_weight, decide_bias, decide, detect_end, tell, follow
