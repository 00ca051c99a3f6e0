# Two commands do everything on a fresh machine with Python 3.11 and make: `make demo`, `make test`.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/pytest -n 2 --dist loadfile -q

.DEFAULT_GOAL := help
.PHONY: help sync demo demo-databricks test test-long check lint types imports warehouse fuzz kills load bench scale stream clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-15s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found; run 'make PYTHON=/path/to/python3.11 ...'" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,databricks,postgres,example]'
	@touch $(STAMP)

sync: $(STAMP)  ## create the environment

demo: $(STAMP)  ## generate sample data, build example_project on DuckDB, show the result
	@$(BIN)/python example_project/demo.py

demo-databricks: $(STAMP)  ## build example_project on a local Databricks SQL warehouse (Java 17)
	@$(BIN)/python tests/demo_databricks.py

lint: $(STAMP)  ## ruff: lint and format check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## mypy --strict
	$(BIN)/mypy

imports: $(STAMP)  ## the one-way data flow
	$(BIN)/lint-imports --no-cache

test: lint types imports  ## every check and test
	MLFORGE_WAREHOUSE=.cache/warehouse $(PYTEST) -rs

test-long: export MLFORGE_EXAMPLES := long
test-long: test  ## the same with ten times as many random examples or more (hours)

check: lint types imports  ## lint, types, imports, and the tests that take neither dbt nor a server
	$(PYTEST) -m 'not slow'

fuzz: $(STAMP)  ## 5,000 mutated projects: each compiles, or is told what is wrong and where (minutes)
	$(BIN)/python tests/fuzzing.py 5000

kills: $(STAMP)  ## compiles, builds, exports and syncs killed at random points (minutes)
	$(BIN)/python tests/kills.py
	$(BIN)/pytest -n 0 -q tests/online/test_kill.py

load: $(STAMP)  ## 16 clients that look up from Postgres for a minute, while it is synced every 2 seconds
	$(BIN)/python tests/load.py

bench: $(STAMP)  ## side-by-side timings, ratios only
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/incremental.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/online.py
	$(BIN)/python benchmarks/databricks.py

scale: $(STAMP)  ## 10M events under a 4 GB memory limit
	$(BIN)/python benchmarks/scale.py

stream: $(STAMP)  ## 20M labels to parquet under a 4 GB memory limit
	$(BIN)/python benchmarks/stream.py

warehouse: $(STAMP)  ## the tests of the local Databricks warehouse, with Spark (minutes, Java 17)
	MLFORGE_WAREHOUSE=.cache/warehouse $(BIN)/pytest -n 0 -q -rs tests/warehouse

clean:  ## remove what the commands made
	rm -rf $(VENV) .cache example_project/data example_project/dbt example_project/feature_store example_project/model
