"""Edits of the Verilog that MyHDL writes: attributes for synthesis, and the comment that the header replaces.

MyHDL cannot write attributes.  Every edit knows how many places it must change, so that a converter that words its
Verilog differently is an error, and never a core that lacks its attributes.
"""

import re

from convstream.hdl.errors import ConversionError


def count_blocks(core, name: str) -> int:
    """Instances of the block `name` in the hierarchy of an elaborated block."""
    inner = [part for part in core.subs if hasattr(part, "subs")]
    return sum((part.func.__name__ == name) + count_blocks(part, name) for part in inner)


def edit_verilog(verilog: str, memories: int, multipliers: int) -> str:
    """The Verilog of a core with its attributes, and without the docstring of its top block.

    Parameters
    ----------
    memories, multipliers : int
        Instances of `memory` and of `multiply` in the core.

    Raises
    ------
    ConversionError
        An edit changes more or fewer places than it must.
    """
    # `memory` leaves collisions undefined: without being told, synthesis adds a bypass to every block RAM
    verilog = _replace(verilog, r"^(reg .*_bank_words \[)", r"(* no_rw_check *) \1", memories, "block RAMs")
    # registers beside multipliers hold equal values on purpose: without being told, synthesis makes one of them
    verilog = _replace(
        verilog, r"^(always @\(posedge aclk\) begin: \w+_bring_near)$", r"(* keep *) \1", multipliers,
        "registers beside multipliers",
    )  # fmt: skip
    # the header says what the docstring says, for readers of Verilog
    return _replace(verilog, r"^\);\n(//.*\n)+", ");\n", 1, "comments below the ports")


def _replace(verilog: str, pattern: str, replacement: str, expected: int, what: str) -> str:
    edited, count = re.subn(pattern, replacement, verilog, flags=re.MULTILINE)
    if count != expected:
        raise ConversionError(f"the Verilog of MyHDL shows {count} {what}, must show {expected}")
    return edited
