"""The bench of the fast way: plays the beats of files into a core inside the simulator, and writes down what happened.

Sources and sinks are those of the exported test bench.  A recorder at every stream writes a file, from which the
Python around it makes the record that the per-beat test bench would have made, cycle by cycle::

    weights.hex - source -\\                 /- sink - z.hex
    x.hex ------- source --  core under test - frame_error.log
                  |                           |
          x.log - recorder                    recorder - z.log
"""

from pathlib import Path

from convstream.fixedpoint.layer import Layer
from convstream.hdl.passes import PASSES
from convstream.sim.beats import stream_bits
from convstream.sim.bench.observed import QUIET_CYCLES, RESET_CYCLES, SETTLING_CYCLES
from convstream.sim.bench.run_files import FRAME_ERROR, STATUS, recording
from convstream.sim.files.template import fill
from convstream.sim.stimulus import Episode
from convstream.sim.verilog.wiring import stream_ports, wired_core

_FOLDER = Path(__file__).parent


def verilog_player(layer: Layer, pass_name: str, episode: Episode) -> str:
    """Text of the Verilog-2001 module `player_of(...)`, to stand beside the core of a pass.

    It plays an `uninterrupted` episode from the `.hex` files of the streams, and raises `done` at its end or at the
    cycle `+limit`; `+seed` and `+stall_<stream>`, in units of 2^-24, decide the stalls.
    """
    module = PASSES[pass_name].module
    ports, beats = stream_ports(pass_name), episode.stream_beats
    helpers, status = f"{player_of(pass_name)}_", PASSES[pass_name].status[1:]
    player = fill(
        _FOLDER / "player.v", top=player_of(pass_name),
        stalls="".join(fill(_FOLDER / "player_stall.v", stream=stream) for stream in ports),
        wiring=wired_core(
            layer, pass_name, module, helpers, beats, reset="{stream}_playing", stall="{stream}_stall"
        ),
        recorders="\n".join(_recorder(layer, stream, port, episode, helpers) for stream, port in ports.items()),
        release=RESET_CYCLES - 2, last_quiet=QUIET_CYCLES - 1, frame_error=FRAME_ERROR,
        complete=" && ".join(f"{stream}_transferred >= 32'd{beats[stream]}" for stream in ports),
        status_log=STATUS, status=", ".join(status), formats=" ".join(["%b"] * len(status)),
    )  # fmt: skip
    recorder = fill(_FOLDER / "recorder.v", helpers=helpers, settling=SETTLING_CYCLES)
    return "\n\n".join([player, fill(_FOLDER / "streams.v", helpers=helpers), recorder])


def player_of(pass_name: str) -> str:
    """The module's name."""
    return f"{PASSES[pass_name].module}_player"


def _recorder(layer: Layer, stream: str, port: str, episode: Episode, helpers: str) -> str:
    if stream in episode.plays:  # its data are known
        after, data, bits = episode.plays[stream][0].after, "1'b0", 1
    else:
        after, data, bits = {}, f"{port}_tdata", stream_bits(layer, stream)
    gate = "".join(f" && {other}_transferred >= 32'd{beats}" for other, beats in after.items())
    return fill(
        _FOLDER / "player_recorder.v", stream=stream, port=port, helpers=helpers, file=recording(stream), data=data,
        bits=bits, gate=gate,
    )  # fmt: skip
