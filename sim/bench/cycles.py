"""Cycles: the clock of a test bench, and the number of the present cycle."""

from cocotb.clock import Clock
from cocotb.handle import LogicObject
from cocotb.simtime import get_sim_time
from cocotb.triggers import RisingEdge

PERIOD_NS = 10


class Cycles:
    """Drives `aclk`, low first, whatever it was before.  Await `edge` for its next rising edge; `now()` numbers it."""

    def __init__(self, aclk: LogicObject):
        self.edge: RisingEdge = aclk.rising_edge
        Clock(aclk, PERIOD_NS, unit="ns", impl="gpi").start(start_high=False)

    @staticmethod
    def now() -> int:
        return int(get_sim_time("ns")) // PERIOD_NS
