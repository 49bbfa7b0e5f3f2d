"""Status outputs are registered conditions."""

from types import SimpleNamespace

from convstream.hdl.status import engine_status, gradient_status, merge_errors
from tests.hdl.blocks.bench import flags


def _arrivals(begun, dropping):
    return SimpleNamespace(frame_begun=begun, dropping=dropping)


def _rarely_changed(bench, idle: list[int]):
    """Drives flags that are mostly those of an idle core: at random they would hardly ever be."""

    def drive(*inputs):
        values = [value ^ bench.chance(0.1) for value in idle]
        for signal, value in zip(inputs, values, strict=True):
            signal.next = value
        return values

    return drive


def test_errors_of_both_inputs(bench):
    one, other, error = flags(3)
    bench.start(merge_errors(bench.aclk, bench.aresetn, one, other, error))
    bench.check_pipeline([one, other], [error], lambda one, other: [one | other], latency=1)


def test_engine(bench):
    begun, dropping, start, arrived, rows_wait, valid, ready, empty, sending = inputs = flags(9)
    outputs = flags(3)
    bench.start(
        engine_status(
            bench.aclk, bench.aresetn, _arrivals(begun, dropping), start, arrived, rows_wait, valid, ready, empty,
            sending, *outputs,
        )
    )  # fmt: skip

    def model(begun, dropping, start, arrived, rows_wait, valid, ready, empty, sending):
        idle = start and empty and not any((begun, dropping, rows_wait, valid, sending))
        return [idle, not valid and arrived and start and not ready, not valid and not arrived]

    idle = [0, 0, 1, 0, 0, 0, 0, 1, 0]
    bench.check_pipeline(inputs, outputs, model, latency=1, cycles=600, drive=_rarely_changed(bench, idle))


def test_gradient(bench):
    x = x_begun, x_dropping = flags(2)
    dz = dz_begun, dz_dropping = flags(2)
    others = flags(10)
    outputs = flags(3)
    bench.start(gradient_status(bench.aclk, bench.aresetn, _arrivals(*x), _arrivals(*dz), *others, *outputs))

    def model(
        x_begun, x_dropping, dz_begun, dz_dropping, start, x_waits, dz_waits, valid, draining, pending, empty, sending,
        x_missing, dz_missing,
    ):  # fmt: skip
        waiting = not valid and not draining
        busy = any((x_begun, x_dropping, x_waits, dz_begun, dz_dropping, dz_waits, pending, sending))
        return [waiting and start and empty and not busy, waiting and x_missing, waiting and dz_missing]

    idle = [0] * 4 + [1] + [0] * 5 + [1] + [0] * 3
    drive = _rarely_changed(bench, idle)
    bench.check_pipeline([*x, *dz, *others], outputs, model, latency=1, cycles=600, drive=drive)
