"""Sets of weights between two frames: those of `fixedpoint.dataflow.model.framing.whole_sets`."""

import pytest

from convstream.fixedpoint.dataflow.model.framing import whole_sets
from convstream.fixedpoint.dataflow.schedule.plan import Plan
from convstream.hdl.stream import AxiStream
from convstream.hdl.weight_loader import WeightWrite, weight_loader
from tests.hdl.blocks.bench import Source, flags, small_layer
from tests.hdl.blocks.test_weight_order import places


@pytest.mark.parametrize("weight_sets", [1, 2])
@pytest.mark.parametrize("gradient", [False, True])
def test_sets(bench, gradient, weight_sets):
    plan = Plan(small_layer(channels=(2, 2), kernel=2, lanes=(1, 2, 1), weight_sets=weight_sets), gradient)
    stream, write = AxiStream(8), WeightWrite(plan, 8)
    parked, ready, loaded, second, error = flags(5)
    bench.start(
        weight_loader(
            bench.aclk, bench.aresetn, stream, parked, ready, loaded, second, write, error, plan=plan
        )
    )
    order, filters = places(plan), plan.layer.geometry.out_channels
    beats = len(order) + filters
    sizes = [beats, beats, beats - 3, beats, beats + 2, beats, 2, beats]
    words = [bench.pick.randrange(256) for _ in range(sum(sizes))]
    lasts = [sum(sizes[: number + 1]) - 1 for number in range(len(sizes))]
    source, errors, written, loads = Source(bench, stream, words, set(lasts), share=0.4), 0, [], 0
    was_loaded, was_second, taken = False, False, 0
    for _ in range(1500):
        parked.next = bench.chance(0.3)
        source.offer()
        bench.settle()
        assert loaded or not ready
        if loaded and not was_loaded:
            whole, held = sizes[lasts.index(taken - 1)] == beats, weight_sets == 2
            assert whole or held
            assert second == (was_second != whole) or not held
            loads += 1
        was_loaded = bool(loaded)
        was_second = was_second if not loaded else bool(second)
        if stream.tvalid and stream.tready:
            taken += 1
        source.follow()
        errors += error
        bench.edge()
        if write.weight:
            shown = (write.lane, write.group, write.tap_row, write.tap_column, write.address)
            written.append((*map(int, shown), int(write.word)))
        if write.bias:
            written.append((int(write.lane), int(write.group), int(write.word)))
    assert not source.beats
    framing = whole_sets(words, lasts, beats)
    assert errors == framing.errors
    assert loads == (len(sizes) if weight_sets == 2 else len(framing.frames))
    place = 0
    expected = []
    for size in sizes:
        chosen = words[place : place + size]
        place += size
        expected += [(*to, word) for to, word in zip(order, chosen[: len(order)], strict=False)]
        if not gradient:
            biases = chosen[len(order) : beats]
            expected += [(number % 2, number // 2, word) for number, word in enumerate(biases)]
    assert written == expected
