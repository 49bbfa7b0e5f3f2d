"""The cores as a library: test vectors, simulation and Verilog of a layer.

    >>> import convstream as cs
    >>> layer = cs.Layer.conv2d(in_channels=2, out_channels=2, height=4, width=4, kernel=3, padding=1,
    ...                         formats=cs.Formats.bits(8), in_lanes=2)
    >>> tensors = cs.vectors(layer, seed=3)
    >>> result = cs.simulate(layer, tensors, "forward", stall=0.5)  # doctest: +SKIP
    >>> result.matched, result.compared_values  # doctest: +SKIP
    (True, 32)
    >>> cs.verilog(layer, "build/verilog")  # doctest: +SKIP
    ['conv_forward', 'conv_input_gradient', 'conv_weight_gradient']
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from convstream.fixedpoint.layer import Layer
from convstream.fixedpoint.operands import operand
from convstream.identifier import require_identifier
from convstream.sim.layers.schema import FileData, RandomData
from convstream.sim.result import SimulationResult
from convstream.sim.simulate import simulate_episodes
from convstream.sim.stimulus import play_batches
from convstream.sim.tensors.random_tensors import random_tensors
from convstream.sim.tensors.sources import INPUTS
from convstream.sim.vectors.folder import TENSORS_FILE, all_tensors, write_vectors
from convstream.sim.verilog.export import write_cores

Tensors = Mapping[str, np.ndarray]


def vectors(
    layer: Layer, folder: str | Path | None = None, inputs: Tensors | None = None, *, seed: int = 1
) -> dict[str, np.ndarray]:
    """All tensors of a batch, as words by name: x, w, b, dz, and the results z, dx, dw, db, if they have formats.

    Parameters
    ----------
    folder : path, optional
        Receives them as test vectors, whole or not at all; replaced if it holds test vectors already.
    inputs : mapping, optional
        Words x (N,C,H,W), w (K,C,F,F), b (K,) and dz (N,K,OH,OW); random ones by default.
    seed : int
        Of random inputs.

    Raises
    ------
    ValueError
        An input is not of integers, of the wrong shape, or out of its format's range.
    BadInput
        The folder cannot be written, or holds something else.
    """
    data = RandomData(seed=seed) if inputs is None else FileData(source="file", path=TENSORS_FILE)
    tensors = _results(layer, random_tensors(layer, seed) if inputs is None else inputs)
    if folder is not None:
        write_vectors(Path(folder), layer, data, tensors)
    return tensors


def simulate(
    layer: Layer, inputs: Tensors | Sequence[Tensors], pass_name: str = "forward", *, simulator: str = "verilator",
    stall: float = 0.0, seed: int = 1, waves: bool = False, build: str | Path = "build",
) -> SimulationResult:  # fmt: skip
    """Play batches through the core of a pass, and compare every bit that comes out with the integer model.

    Parameters
    ----------
    inputs : mapping, or a sequence of them
        Words x, w, b, dz, as far as the pass needs them, of one batch or of several that follow each other without a
        reset; weights are sent again wherever they change.
    pass_name : str
        forward, input_gradient or weight_gradient.
    simulator : str
        verilator or icarus.
    stall : float
        Share of the cycles, 0 to 0.95, in which every source pauses and every sink refuses.
    seed : int
        Of the stalls.
    waves : bool
        Keep the waves: `result.waves` tells where.
    build : path
        Receives the builds, which are kept and used again.

    Raises
    ------
    ValueError
        An input is not of integers, of the wrong shape, or out of its format's range; or a name or share is illegal.
    BadInput
        A program that is needed is missing.
    CheckFailed
        The simulation ended without a result.
    """
    batches = [inputs] if isinstance(inputs, Mapping) else list(inputs)
    played = [_results(layer, tensors, number) for number, tensors in enumerate(batches)]
    (result,) = simulate_episodes(
        layer, [play_batches(layer, pass_name, played)], pass_name, simulator=simulator, stall=stall, seed=seed,
        waves=waves, build_root=Path(build),
    )  # fmt: skip
    return result


def verilog(layer: Layer, folder: str | Path, *, prefix: str = "", seed: int = 1) -> list[str]:
    """Write the layer's cores in Verilog, each with a self-checking test bench, its vectors and a FuseSoC core file.

    Parameters
    ----------
    folder : path
        Made, or replaced if it holds cores already.
    prefix : str
        Stands before every module and file name, with an underscore between: layers can live together.
    seed : int
        Of the random tensors that the test benches play.

    Returns
    -------
    Names of the modules

    Raises
    ------
    BadInput
        The folder cannot be written, or holds something else; or the prefix is no Verilog identifier.
    """
    if prefix:
        require_identifier("prefix", prefix)
    return write_cores(Path(folder), layer, RandomData(seed=seed), vectors(layer, seed=seed), layer.passes, prefix)


def _results(layer: Layer, inputs: Tensors, batch: int = 0) -> dict[str, np.ndarray]:
    """The inputs, and what the integer model makes of them as far as they reach; `batch` as in `convstream.forward`."""
    names = [name for name in INPUTS if name in layer.tensors and name in inputs]
    tensors = {name: operand(name, np.asarray(inputs[name]), layer) for name in names}
    return tensors | all_tensors(layer, tensors, batch)
