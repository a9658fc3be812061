# Every target first makes .venv where it is missing or the lock has moved.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
DAGSTER_HOME ?= $(CURDIR)/data/dagster
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo run dev test compat check bench lock

help: ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

setup: $(VENV)/.ready ## Install everything into .venv, as locked

$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; say which with make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --compile-bytecode --editable .
	touch $@

demo: setup ## Watch the built-in sample site over three nights; no network
	$(BIN)/standards-watch demo

run: setup ## Run the daily job once (needs STANDARDS_WATCH_CONTACT)
	$(BIN)/standards-watch run

$(DAGSTER_HOME)/dagster.yaml: dagster.yaml
	mkdir -p "$(@D)" && cp dagster.yaml "$@"

dev: setup $(DAGSTER_HOME)/dagster.yaml ## The Dagster UI with the daily schedule, on http://127.0.0.1:3000
	DAGSTER_HOME="$(DAGSTER_HOME)" $(BIN)/dagster dev --workspace workspace.yaml --host 127.0.0.1 --port 3000

test: setup ## Run the tests
	$(BIN)/pytest

ENGINES := 1.2.2 1.3.2 1.4.4 2.0.0

compat: setup ## Open the published file in old and new DuckDBs; run the warehouse's tests on the newest
	for engine in $(ENGINES); do test -d $(VENV)/duckdb-$$engine || $(BIN)/uv pip install --quiet --no-deps --target $(VENV)/duckdb-$$engine duckdb==$$engine || exit 1; done
	$(BIN)/pytest -q tests/warehouse/test_contract.py
	PYTHONPATH=$(VENV)/duckdb-2.0.0 $(BIN)/pytest -q tests/warehouse

check: setup $(DAGSTER_HOME)/dagster.yaml ## ruff, format, mypy --strict, import-linter, the code location
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	DAGSTER_HOME="$(DAGSTER_HOME)" VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/dg check defs

bench: setup ## Measure the budgets, as ratios within one run
	$(BIN)/python -m tests.bench

lock: ## Resolve the lock again (names, versions and hashes, no addresses)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--custom-compile-command "make lock" --group dev pyproject.toml --output-file requirements.lock
