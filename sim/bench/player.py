"""The fast way, as seen from Python: wait for the player to be done, then make its recordings into a record.

The simulator plays and checks by itself; this runs inside it and is asked nothing in between.
"""

import json
from pathlib import Path

import cocotb
from cocotb.handle import HierarchyObject

from convstream.sim.bench import run_files
from convstream.sim.bench.recordings import record_of


@cocotb.test()
async def play_files(dut: HierarchyObject) -> None:
    """Let the one episode of the run's stimulus be played."""
    await dut.done.rising_edge
    stimulus = json.loads(Path(run_files.STIMULUS).read_text())
    Path(run_files.RECORD).write_text(json.dumps([record_of(Path(), **stimulus)]))
