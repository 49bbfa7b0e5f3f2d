import pytest

from convstream.sim.backends import verilator

BENCH = b"module bench (input wire aclk, output reg done); always @(posedge aclk) done <= 1'b1; endmodule\n"


@pytest.fixture
def forbid(monkeypatch):
    """Have a step of the build fail if it is taken."""

    def forbid(step):
        def fail(*_):
            raise AssertionError(f"{step} was called")

        monkeypatch.setattr(verilator, step, fail)

    return forbid


def test_an_unchanged_core_is_not_built_again_and_a_changed_one_without_the_library(build_root, forbid, tmp_path):
    shared, cores = build_root / "cores", tmp_path / "cores"
    verilator.build_player(BENCH, "bench", shared)
    cores.mkdir()
    for library in shared.glob("verilator-runtime-*"):
        (cores / library.name).symlink_to(library)
    forbid("_build_runtime")
    folder = verilator.build_player(BENCH, "bench", cores)
    forbid("_build_core")
    assert verilator.build_player(BENCH, "bench", cores) == folder
    with pytest.raises(AssertionError, match="_build_core was called"):
        verilator.build_player(BENCH + b"// changed\n", "bench", cores)
