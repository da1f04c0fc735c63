# Everything a newcomer needs is two commands: `make demo` and `make test`.
# Both make .venv by themselves and install exactly the versions of constraints.txt.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip --disable-pip-version-check install --quiet --constraint constraints.txt

# Threads that wait for each other give way after a while: tests start servers and trainers on the same cores.
export GOMP_SPINCOUNT ?= 5000

.PHONY: demo test check slow-test long-test docs clean

demo: $(VENV)/.installed
	@$(BIN)/rlaif run configs/starter.yaml

test: $(VENV)/.installed-dev
	$(BIN)/pytest

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

slow-test: $(VENV)/.installed-dev
	$(BIN)/pytest -m "(slow or serve or postgresql or browser) and not long"

long-test: $(VENV)/.installed-dev
	$(BIN)/pytest -m long

docs: $(VENV)/.installed-dev
	$(BIN)/python -m loop.reference > docs/configuration.md

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "rlaif needs Python 3.11 or newer: make PYTHON=python3.12 demo"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing (a few minutes, once)"
	@$(PIP) torch
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(PIP) --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
