.DEFAULT_GOAL := help
.PHONY: help setup run test lint format docs bench fire lock clean purge

# Set up first: .venv from requirements.lock. Does nothing when it is there.
SETUP := scripts/bootstrap
BIN := .venv/bin
TESTS ?=

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup:  ## set up .venv
	@$(SETUP)

run: setup  ## run the whole pipeline on the demo country and print where everything is
	@$(BIN)/statloom run

test: setup  ## run all tests (TESTS=tests/places for a part)
	@if command -v java >/dev/null; then $(SETUP) spark || echo "skipped: the tests with a Spark cluster" >&2; fi
	@# One process more than the two cores that there are at least: some tests wait for Airflow.
	@$(BIN)/pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder $(TESTS)

lint: setup  ## check style, contracts, generated files, docker-compose.yml; look for secrets and vulnerable packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/statloom source sync --check
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/python scripts/scan_secrets.py
	$(BIN)/python scripts/audit_dependencies.py

format: setup  ## rewrite the code in the one style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup  ## write the dictionary of all tables to build/docs and check the links of docs/
	@$(BIN)/python scripts/docs.py

screenshots: setup  ## make the pictures of docs/images from the report of the last run
	@$(BIN)/python scripts/screenshots.py

bench: setup  ## measure; the results are in benchmarks/results
	@for module in $$(grep -l '__main__' benchmarks/*.py | xargs -n 1 basename | sed 's/\.py$$//'); do \
		echo "== $$module"; $(BIN)/python -m benchmarks.$$module || exit 1; \
	done

fire: setup  ## kill runs at points spread over all their steps; the result is in benchmarks/results
	@$(BIN)/python -m benchmarks.under_fire --write

lock: setup  ## renew requirements.lock and requirements-spark.lock from pyproject.toml
	@$(BIN)/python -m uv pip compile --quiet pyproject.toml --extra test --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--output-file requirements.lock
	@# What Spark adds to them: resolved together with all of them, so that both fit one environment.
	@$(BIN)/python -m uv pip compile --quiet pyproject.toml --extra spark --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--constraints requirements.lock \
		$$(sed -n 's/^\([a-z0-9._-]*\)\(\[.*\]\)\{0,1\}==.*/--no-emit-package \1/p' requirements.lock) \
		--output-file requirements-spark.lock

clean:  ## remove what is made anew by itself; keeps .venv and the warehouse
	@rm -rf build .pytest_cache .ruff_cache dbt_project/target dbt_project/logs
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

purge: clean  ## remove also .venv and the whole warehouse, with all deliveries and releases
	@if [ -x $(BIN)/statloom ]; then $(BIN)/statloom down --force; fi
	@if [ -f .statloom/postgres.location ]; then rm -rf "$$(cat .statloom/postgres.location)"; fi
	@rm -rf .statloom .venv
