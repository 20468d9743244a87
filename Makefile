# Every target sets up what it needs by itself (.ci/setup: the pinned packages into .venv, a stamp makes a
# second time free).
.DEFAULT_GOAL := help
.PHONY: help demo ui test trials bench bench-table bench-peers lint types contract pins clean setup setup-dev

BIN := .venv/bin
export DAGSTER_HOME ?= $(CURDIR)/dagster_home
export DAGSTER_DISABLE_TELEMETRY := 1
# The tests' and the demo's servers listen on loopback; a proxy must not be asked for them.
export NO_PROXY := 127.0.0.1,localhost,$(NO_PROXY)
export no_proxy := $(NO_PROXY)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

setup:
	@.ci/setup

setup-dev:
	@.ci/setup dev

demo: setup ## raw candles to promotion decisions, for every card and symbol, on a generated market
	@$(BIN)/trade demo

ui: setup ## Dagster's UI on http://127.0.0.1:3000, with the sandbox exchange beside it (LIVE=1: candles close)
	@.ci/ui

test: setup-dev ## the whole test suite
	@.ci/browser
	$(BIN)/python -m pytest -m "not slow and not benchmark" -n auto --maxprocesses 4 --dist worksteal

trials: setup-dev ## the trials that take minutes
	@# pytest ends with 5 where no test is marked
	$(BIN)/python -m pytest -m slow -n auto --maxprocesses 4 || [ $$? -eq 5 ]

bench-table: setup-dev ## the figures asked of the simulation, in one table
	@$(BIN)/python tests/benchmarks/bench_table.py

bench-peers: setup-dev ## the same, with other engines measured in the same run
	@$(BIN)/python tests/benchmarks/bench_table.py --peers

# What the table runs is not run again by itself.
TABLED := bar_loop card ten_years sweep start peers table
bench: setup-dev ## that table and every other measurement in tests/benchmarks
	@$(BIN)/python tests/benchmarks/bench_table.py
	@for script in $(filter-out $(TABLED:%=tests/benchmarks/bench_%.py),$(wildcard tests/benchmarks/bench_*.py)); do \
		echo "== $$script"; $(BIN)/python $$script || exit 1; done

lint: setup-dev ## style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup-dev ## types
	$(BIN)/mypy

contract: setup-dev ## who may import whom
	$(BIN)/lint-imports --no-cache --no-logo

pins: setup-dev ## write requirements*.txt anew from requirements*.in
	$(BIN)/uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --python-version 3.12 \
		requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --python-version 3.12 \
		requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --python-version 3.12 \
		tests/benchmarks/peers-requirements.in -o tests/benchmarks/peers-requirements.txt

clean: ## caches and .venv; data and dagster_home stay, for the promotion ledger cannot be made again
	rm -rf .venv .venv-peers .mypy_cache .ruff_cache .hypothesis .pytest_cache *.egg-info .tmp_dagster_home_*
	find engine trade_assets tests -name __pycache__ -type d -prune -exec rm -rf {} +
