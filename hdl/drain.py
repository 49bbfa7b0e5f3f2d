"""Drain: sends the accumulators once a batch is done, in the order of the weight stream, and clears them.

It also runs once after reset, without sending anything: then it only clears.
"""

from myhdl import Constant, Signal, always_comb, always_seq, block, intbv

from convstream.hdl.registers import named
from convstream.hdl.weight_order import weight_order


@block
def drain(aclk, aresetn, batch_done, room, draining, place, step, sent, *, plan, wait_cycles):
    """Step through all weight gradients.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    batch_done : bool, in
        The batch's last slot is issued in this cycle; its accumulators are up to date `wait_cycles` later.
    room : bool, in
        Another result may be sent.
    draining : bool, out
        No slot may be issued.
    place : WeightPlace, out
        What is read, and then cleared, if `step` is high.
    step, sent : bool, out
        Both, but in the clearing after reset only `step`.
    """
    if wait_cycles < 1:
        raise ValueError(f"wait_cycles must be at least 1, not {wait_cycles}")
    active, silent = Signal(bool(0)), Signal(bool(1))
    wait_left = Signal(intbv(0, min=0, max=wait_cycles + 1))

    order = named(order=weight_order(aclk, active, step, Constant(bool(0)), place, plan=plan.window))

    @always_comb
    def show():
        draining.next = active or silent

    @always_comb
    def decide():
        step.next = active and wait_left == 0 and (room or silent)

    @always_comb
    def decide_sending():
        sent.next = active and wait_left == 0 and room and not silent

    @always_seq(aclk.posedge, reset=aresetn)
    def follow():
        if batch_done:
            active.next = True
            wait_left.next = wait_cycles
        elif not active:
            active.next = silent
        elif wait_left != 0:
            wait_left.next = wait_left - 1
        elif step and place.end:
            active.next = False
            silent.next = False

    return order, show, decide, decide_sending, follow
