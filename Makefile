# The two commands: `make demo` runs the main job, `make test` the tests. Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-all slow lint types docs bench clean

$(BIN)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

# what dr-sim itself needs; nothing more where the tools for tests are there already
$(BIN)/.demo: pyproject.toml
	test -e $(BIN)/.ready || $(PYTHON) -m venv $(VENV)
	test -e $(BIN)/.ready || $(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

demo: $(BIN)/.demo
	$(BIN)/dr-sim run scenarios/quickstart.yaml

test: $(BIN)/.ready
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not long'

test-all: $(BIN)/.ready
	$(BIN)/python -m pytest -n 2 --dist worksteal --hypothesis-profile new

# the same tests, and a list of what they cost
slow: $(BIN)/.ready
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not long' -p tests.cpu

lint: $(BIN)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(BIN)/.ready
	$(BIN)/mypy

docs: $(BIN)/.docs
	$(BIN)/python docs/generate.py
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo docs/_build/html/index.html

$(BIN)/.docs: $(BIN)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	touch $@

bench: $(BIN)/.ready
	$(BIN)/python benchmarks/database_year.py
	$(BIN)/python benchmarks/replications.py --dask
	$(BIN)/python benchmarks/report.py

clean:
	rm -rf $(VENV)
