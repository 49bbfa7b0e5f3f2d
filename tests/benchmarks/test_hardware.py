"""The hardware benchmark compares what it says: equal numbers of multipliers, rates as they were published."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hardware(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import hardware

    yield hardware
    for name in ("hardware", "hardware_measure"):
        sys.modules.pop(name, None)


def test_everyone_meets_a_core_with_as_many_multipliers(hardware):
    from hardware_measure import measured_layer

    from convstream.layer_file import read_layer_file

    for contest in hardware.CONTESTS:
        layer = read_layer_file(ROOT / "examples" / "layers" / f"{contest.name}.toml").layer
        ours = [measured_layer(layer, lanes).lanes.multipliers for lanes in contest.lanes]
        theirs = {9 * par_ich * par_och for par_ich, par_och in contest.nngen}
        theirs |= {finn.multipliers for finn in contest.finn}
        assert sorted(ours) == sorted(theirs)
        assert set(contest.placed) <= theirs


@pytest.mark.parametrize(("name", "folding", "with_padding"), [
    ("photograph_3x3", "SIMD 3, PE 16", 37.6), ("middle_3x3", "SIMD 16, PE 4", 48.4),
])  # fmt: skip
def test_rates_are_those_that_were_quoted_less_the_padding(hardware, name, folding, with_padding):
    contest = next(contest for contest in hardware.CONTESTS if contest.name == name)
    design = next(design for design in hardware._quoted(contest) if design.choice == folding)
    extent = {"photograph_3x3": 32, "middle_3x3": 16}[name]
    share_without_padding = ((3 * extent - 2) / (3 * extent)) ** 2
    assert design.per_second("dsp") == pytest.approx(with_padding * share_without_padding, abs=0.05)
    assert design.per_second("lut", 1000) == pytest.approx(
        design.per_second("dsp") * design.cells["dsp"] / design.cells["lut"] * 1000
    )


def test_ratios_and_picture(hardware, tmp_path, capsys):
    cells = {"lut": 1000, "carry": 10, "register": 2000, "dsp": 9, "block_ram": 0}
    ours = hardware.Design("convstream", "1 x 1 x 9", 9, 9000, 1100, 1000, cells, 100.0)
    theirs = hardware.Design("NNgen", "ich 1, och 1", 9, 9000, 2200, 2200, cells | {"block_ram": 4, "lut": 3000}, 50.0)
    quoted = hardware.Design("FINN", "PE 9", 9, 9000, None, 1500, {}, None)
    designs = {"some layer": [quoted, theirs, ours]}
    hardware.print_ratios(designs)
    nngen, finn, last = (part.splitlines() for part in capsys.readouterr().out.strip().split("\n\n"))
    factors = "9 2.00x 3.00x 1.00x 1.00x none 2.20x 2.00x 4.40x 13.20x"
    assert nngen[2].split()[2:] == factors.split()
    assert finn[2].split()[2:] == ["9", "1.50x"]
    assert last == ["MMAC/s per MULT18: lowest of convstream 100.0; best of the others 22.7, by NNgen: 4.40x"]
    hardware.draw(designs, tmp_path / "picture.png")
    assert 10_000 < (tmp_path / "picture.png").stat().st_size < 150_000
