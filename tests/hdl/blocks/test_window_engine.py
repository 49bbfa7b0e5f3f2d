"""The engine, whole, on images of a few pixels: the integers of the fixed-point model."""

import numpy as np
import pytest
from myhdl import Signal

from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.fixedpoint.forward import forward
from convstream.fixedpoint.input_gradient import input_gradient
from convstream.fixedpoint.streams import tensor_streams, weights_beat_bits
from convstream.hdl.stream import AxiStream
from convstream.hdl.window_engine import window_engine
from convstream.sim.beats import last_beats, stream_words
from tests.hdl.blocks.bench import Sink, Source, flags, small_layer


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize(("kernel_lanes", "stride"), [(1, 2), (4, 1)])
def test_one_image(bench, gradient, kernel_lanes, stride):
    layer = small_layer((2, 3), (2, 1), 2, stride, lanes=(1, 1, kernel_lanes))
    random = np.random.default_rng(1)
    tensors = {
        name: random.integers(layer.formats.of(name).lowest, layer.formats.of(name).highest + 1, shape)
        for name, shape in layer.geometry.shapes.items()
    }
    tensors["z"] = forward(tensors["x"], tensors["w"], tensors["b"], layer, 0)
    tensors["dx"] = input_gradient(tensors["w"], tensors["dz"], layer, 0)
    source, result = ("dz", "dx") if gradient else ("x", "z")
    weights = AxiStream(weights_beat_bits(layer))
    into, out = (AxiStream(tensor_streams(layer)[name].beat_bits) for name in (source, result))
    status = error, idle, *_ = [Signal(bool(0)), *flags(4)]
    bench.start(window_engine(bench.aclk, bench.aresetn, weights, into, out, *status, plan=Plan(layer, gradient)))
    ends = [
        Source(bench, stream, stream_words(layer, tensors, name), set(last_beats(layer, name)))
        for stream, name in ((weights, "weights"), (into, source))
    ]
    ends.append(sink := Sink(bench, out))
    for _ in range(250):
        bench.step(*ends)
        assert not error
    assert [word for word, _ in sink.beats] == stream_words(layer, tensors, result)
    assert [beat for beat, (_, last) in enumerate(sink.beats) if last] == last_beats(layer, result)
    assert idle
