.DEFAULT_GOAL := help
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
# What talks to the server in its own words is tested on Redis too; the rest does not know which one it is.
ON_REDIS := tests/races tests/audit $(filter-out %_machine.py %_model.py %_agree.py,$(wildcard tests/store/test_*.py))
# Where tests/conftest.py sees to it that a test that starts processes has a marker.
UNIT := tests/clients tests/domain tests/workers tests/contract tests/store tests/api
# Tests wait for servers and timers half of their time, so there is one process more than CI has cores.
PYTEST := $(BIN)/python -m pytest -q -n 3 --dist worksteal -m "not long"
# Pyright takes Node from its own wheel: no node, no download.
export PYRIGHT_PYTHON_GLOBAL_NODE := off
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help setup run redis promtool luacheck browser tools checks test unit image-test format lint types walls verify generate docs release e2e fuzz chaos bench bench-cluster bench-pages bench-scripts ci clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/installed-test ## Create .venv and install Triage with everything that its tests need

.venv/installed-runtime: pyproject.toml clients/python/pyproject.toml constraints.txt
	@tools/create_venv.sh

.venv/installed-test: pyproject.toml clients/python/pyproject.toml constraints.txt
	@tools/create_venv.sh test

.venv/installed-docs .venv/installed-release: .venv/installed-%: pyproject.toml clients/python/pyproject.toml constraints.txt
	@tools/create_venv.sh $*

run: .venv/installed-runtime ## Start embedded Valkey, the API and one worker; Ctrl-C drains and stops them
	@exec $(BIN)/triage dev

redis: ## Make Debian's Redis available to the tests in .cache/redis
	@tests/install_redis.sh

promtool: ## Make Debian's promtool available to the tests in .cache/prometheus
	@tests/install_promtool.sh

luacheck: ## Make Debian's luacheck available to make lint in .cache/luacheck
	@tests/install_luacheck.sh

browser: ## Make Debian's headless Chromium available to the tests in .cache/browser
	@tests/install_browser.sh

# One after another, because apt-get runs once at a time.
tools:
	@$(MAKE) redis promtool luacheck browser

checks: lint walls verify

test: ## Run everything: lint, types, walls, generated files, and the suite on Valkey and on Redis
	@echo "==> 1/4 setup and tools"
	@$(MAKE) -j 2 setup tools
	@echo "==> 2/4 lint, types, walls, verify"
	@$(MAKE) -j 2 --output-sync=target types checks
	@echo "==> 3/4 tests on Valkey"
	@$(PYTEST) --server=valkey
	@echo "==> 4/4 tests on Redis: tests/races, tests/audit, tests/store but its random models, tests/domain"
	@$(PYTEST) --server=redis --cov --cov-report=term:skip-covered \
		$(ON_REDIS) tests/domain
	@echo "==> all passed"

unit: setup ## Run the tests that need neither a server nor other processes, in under half a minute
	@$(BIN)/python -m pytest -q -n 2 -m "not server and not processes" $(UNIT)

image-test: setup ## Build the image with buildah and run it (root on Debian)
	@tests/image/install_builder.sh
	@# What buildah mounts ends with the tests, however they end.
	@unshare --mount $(BIN)/python -m pytest -q --durations=5 tests/image/built_image.py

format: setup ## Format the code and apply the lint fixes that are safe
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lint: setup luacheck ## Check format and style
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@.cache/luacheck/luacheck --quiet --no-color service/store/lua

types: setup ## Check the types
	@$(BIN)/pyright --warnings

walls: setup ## Check that imports obey the walls between the rooms
	@$(BIN)/lint-imports --no-cache

verify: setup ## Fail when a generated file is not current
	@$(BIN)/python -m tools.generate --check

generate: setup ## Write the generated files: the OpenAPI document, the state machine, the Redis keys, tables
	@$(BIN)/python -m tools.generate

bench-cluster: setup redis ## Measure one, two and three masters of a Redis Cluster
	@$(BIN)/python -m benchmarks.cluster --server .cache/redis/redis-server

bench-pages: setup redis browser ## Measure what the dashboard reads with a million jobs in 1,000 queues
	@$(BIN)/python -m benchmarks.pages --server .cache/redis/redis-server

bench-scripts: setup redis ## Measure the longest time of each Lua command for a tenant that makes them slow
	@$(BIN)/python -m benchmarks.scripts --server .cache/redis/redis-server

docs: .venv/installed-docs ## Build the website of the documentation in site/; a broken link is an error
	@$(BIN)/python -m tools.build_docs

release: .venv/installed-release ## Build wheel, sdist and SBOM in dist/, twice, and compare them byte by byte
	@$(BIN)/python -m tools.release

e2e: setup ## Run the end-to-end tests only
	@$(BIN)/python -m pytest tests/e2e

fuzz: setup ## Fuzz every operation for FUZZ_SECONDS (default 1800): no 5xx, nothing undocumented, nothing slow
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-1800} $(BIN)/python -m pytest tests/fuzz

chaos: setup ## Long forms of the random tests: lives of jobs, keys, limits and flows; faults for NEMESIS_SECONDS (600)
	@JOB_LIVES=1000 UNIQUE_LIVES=1000 LIMIT_LIVES=1000 FLOW_GRAPHS=2000 $(BIN)/python -m pytest --timeout 3600 \
		tests/store/test_state_machine.py tests/store/test_unique_machine.py tests/store/test_limit_model.py tests/store/test_flow_model.py
	@WORKER_KILLS=$${WORKER_KILLS:-1000} $(BIN)/python -m pytest -s --timeout 7200 tests/faults/test_kills.py
	@AUDIT_CHURN_SECONDS=$${AUDIT_CHURN_SECONDS:-600} $(BIN)/python -m pytest --timeout 3600 tests/audit/test_churn.py
	@$(BIN)/python -m pytest -m long --timeout 3600 tests
	@NEMESIS_SECONDS=$${NEMESIS_SECONDS:-600} NEMESIS_SERVER=$${NEMESIS_SERVER:-server,sentinel,cluster} \
		$(BIN)/python -m pytest --timeout 3600 tests/faults/test_nemesis.py
	@WEBHOOK_ENDS=$${WEBHOOK_ENDS:-10000} $(BIN)/python -m pytest -s --timeout 7200 tests/faults/test_webhooks.py

bench: setup redis ## Measure Triage against its peers: all rows, or ROWS=drain,http; ROUNDS (default 5)
	@$(BIN)/python -m benchmarks --rows "$(ROWS)" --rounds "$${ROUNDS:-5}" --server .cache/redis/redis-server
	@$(BIN)/python -m tools.generate

ci: ## Exactly what CI runs
	@.ci/run

clean: ## Remove .venv, caches and builds; the data in .triage/ is kept
	@rm -rf .venv .cache .pytest_cache .ruff_cache .grimp_cache .hypothesis .coverage htmlcov dist build site
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
