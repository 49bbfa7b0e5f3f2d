"""What is read from nextpnr's report and log."""

import json

from convstream.sim.fpga.nextpnr import Misfit, Step, _misfit, _read_report

_LOG = """\
Info: Device utilisation:
Info: \t          TRELLIS_IO:     4/  365     1%
Info: \t          MULT18X18D:   {needed}/  156   276%
Info: \t        TRELLIS_COMB:  1000/83640     1%
ERROR: Unable to place cell 'm'
"""


def test_a_device_that_is_too_small_is_told_by_its_scarce_cell(tmp_path):
    log = tmp_path / "nextpnr.log"
    log.write_text(_LOG.format(needed=432))
    assert _misfit(tmp_path) == Misfit("MULT18X18D", needed=432, available=156, log=log)
    log.write_text(_LOG.format(needed=156))
    assert _misfit(tmp_path) is None


def _path(start, end, *delays):
    kinds = ("clk-to-q", "routing", "setup")
    pairs = zip(kinds, delays, strict=False)
    steps = [{"type": kind, "delay": delay, "to": {"cell": kind, "port": "P"}} for kind, delay in pairs]
    return {"from": start, "to": end, "path": steps}


def test_the_path_that_limits_the_clock_is_inside_it(tmp_path):
    clock = "posedge aclk"
    (tmp_path / "report.json").write_text(json.dumps({
        "fmax": {"aclk": {"achieved": 125.5, "constraint": 150.0}},
        "critical_paths": [_path("<async>", clock, 1, 2, 3), _path(clock, clock, 5.5, 2.25, 0.25)],
    }))  # fmt: skip
    placed = _read_report(tmp_path, seed=7)
    assert (placed.seed, placed.clock_mhz, placed.logic_ns, placed.routing_ns) == (7, 125.5, 5.75, 2.25)
    assert placed.path[0] == Step("clk-to-q", 5.5, "clk-to-q.P")
