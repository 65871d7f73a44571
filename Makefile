# Everything runs in .venv, made by the first target that needs it. Both main targets work offline
# once the environment exists.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test test-deep lint bench bench-peers fuzz clean

demo: $(STAMP)
	$(BIN)/twin prove scenarios/quickstart.yaml --training scenarios/training/warm_start.yaml -j 2

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal -q

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The laws on thousands of random networks, and theory to closer tolerances: half an hour.
test-deep: $(STAMP)
	HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest -q tests/test_world_laws.py tests/test_theory_simulated.py

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks.engine
	$(BIN)/python -m tests.benchmarks.tools
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.learning.speed

# 100,000 answers by Hypothesis, and as many guided by coverage where `pip install -e '.[fuzz]'` was run.
fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz

# Other simulators, each in an environment of its own under .bench; needs a package index once.
bench-peers: $(STAMP)
	$(BIN)/python -m tests.benchmarks.engine.peers

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,dev]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
