# `make` runs the main job, `make test` the tests, `make help` lists the rest.  All logic is in Python: see README.md.

PYTHON ?= python3
LAYER  ?= examples/layers/photograph_3x3.toml

VENV      := .venv
BIN       := $(VENV)/bin
INSTALLED := $(VENV)/installed
TESTABLE  := $(VENV)/installed-test
BENCH     := .venv-benchmark
BENCHABLE := $(BENCH)/installed
PEERS     := .venv-peers
COMPARED  := $(PEERS)/installed
NUMBAS    := 0.60.0 0.68.1
PICTURE   := build/$(basename $(notdir $(LAYER))).png

.DEFAULT_GOAL := report
.DELETE_ON_ERROR:
.PHONY: report training-step test test-numba campaign lint clean help prerequisites
.PHONY: benchmark-model benchmark-quantize benchmark-efficiency benchmark-area benchmark-hardware benchmark-simulation

report: $(INSTALLED)  ## (default) the main job: LAYER through every model and the simulated core, as a table and a picture
	$(BIN)/convstream report $(LAYER) --picture $(PICTURE)

training-step: $(INSTALLED)  ## train on handwritten digits once: the three cores, updated weights, a lower cost
	$(BIN)/python examples/training_step.py

test: lint  ## lint and the whole test suite, on every simulator that is installed
	$(BIN)/python -m pytest -n 2

test-numba: $(NUMBAS:%=.venv-numba-%/installed)  ## the kernels on the oldest and the newest Numba that are allowed
	for version in $(NUMBAS); do .venv-numba-$$version/bin/python -m pytest tests/fixedpoint/kernels || exit 1; done

campaign: $(TESTABLE)  ## long randomized campaigns (minutes to hours)
	$(BIN)/python -m pytest -n 2 -m campaign

benchmark-model: $(BENCHABLE)  ## the integer model against PyTorch, ONNX Runtime and APyTypes: ratios, a few minutes
	$(BENCH)/bin/python benchmarks/model.py

benchmark-quantize: $(INSTALLED)  ## floats to words beside NumPy's own steps and the forward pass, a minute
	$(BIN)/python benchmarks/quantize.py

benchmark-efficiency: $(INSTALLED)  ## share of useful multiplier cycles: all example layers, all lane choices of four
	$(BIN)/python benchmarks/efficiency.py

benchmark-area: $(TESTABLE)  ## cells and clock rate of every example layer's cores on an ECP5; hours
	$(BIN)/python benchmarks/area.py

benchmark-hardware: $(TESTABLE) $(COMPARED)  ## forward cores beside those of NNgen and FINN: cycles, cells, clock; hours
	$(BIN)/python benchmarks/hardware.py

benchmark-simulation: $(INSTALLED)  ## both ways to simulate beside a bare C++ main: cycles/s, a few minutes
	$(BIN)/python benchmarks/simulation.py

lint: $(TESTABLE)  ## style, and that every import resolves
	$(BIN)/ruff check .
	$(BIN)/ty check --python $(VENV)

clean:  ## remove everything generated, but not the set-up in .venv
	rm -rf build

help:  ## list the targets
	@awk -F ':.*## *' '/^[a-z-]+:.*##/ { printf "make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- set-up: once, and again when pyproject.toml changes ---

$(INSTALLED): pyproject.toml | prerequisites
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@$(BIN)/find_libpython | grep -q . || \
	  { echo "missing: the shared library of $(PYTHON) (libpython), which simulators load" >&2; exit 1; }
	touch $@

$(TESTABLE): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

$(BENCHABLE): pyproject.toml | prerequisites
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[benchmark]'
	touch $@

.venv-numba-%/installed: pyproject.toml | prerequisites
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]' numba==$*
	touch $@

$(COMPARED): benchmarks/nngen_requirements.txt | prerequisites
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

prerequisites:
	@missing=; \
	$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  missing="$$missing, Python >= 3.11 with venv (as $(PYTHON))"; \
	command -v c++ >/dev/null || missing="$$missing, a C++ compiler (c++)"; \
	for tool in perl git; do command -v $$tool >/dev/null || missing="$$missing, $$tool"; done; \
	[ -z "$$missing" ] || { echo "missing:$${missing#,}" >&2; exit 1; }
