# Everything a fresh machine needs is Python 3.11+, make and git; `make help` lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp
NODE   := tests/node/node_modules/.stamp
PARALLEL := -n auto --maxprocesses 4 --dist loadfile
export PYTHONPATH := tests

.DEFAULT_GOAL := help
.PHONY: help check lint typing layers unit test cluster-build up down demo catalog-check bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("pipes-mcp needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "== Python packages into $(VENV) (about a minute the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(NODE): tests/node/package-lock.json
	@command -v npm >/dev/null || { echo "official clients and API descriptions come by npm: install Node.js 20 or newer"; exit 1; }
	@echo "== official clients and published API descriptions from npm into tests/node"
	@cd tests/node && npm ci --silent --no-progress && touch node_modules/.stamp

check: $(STAMP) lint typing layers unit ## ruff, mypy strict, import-linter, unit tests: run before every commit

lint: $(STAMP)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

typing: $(STAMP)
	@$(BIN)/mypy

layers: $(STAMP)
	@$(BIN)/lint-imports --no-cache

unit: $(STAMP)
	@$(BIN)/pytest -q $(PARALLEL) -m "not apiserver and not e2e and not node"

test: $(STAMP) $(NODE) ## everything: check, then the suites on a real API server (builds it on the first run)
	@$(BIN)/python -m cluster build & build=$$!; \
	  $(MAKE) --no-print-directory check || { kill $$build 2>/dev/null; exit 1; }; \
	  wait $$build && $(BIN)/pytest -q $(PARALLEL) -m "node or (apiserver and not e2e)" && $(BIN)/pytest -q -m e2e

cluster-build: $(STAMP) ## build etcd, kube-apiserver and kubectl into the cache (about 10 minutes, once)
	@$(BIN)/python -m cluster build

up: $(STAMP) ## start everything in the background (no-op when it runs); writes .run/env
	@$(BIN)/python -m environment up

down: $(STAMP) ## end what `make up` started and remove its store
	@$(BIN)/python -m environment down

demo: $(STAMP) ## everything from nothing, and the main job told step by step
	@$(BIN)/python -m environment demo

catalog-check: $(STAMP) $(NODE) ## hold every catalog to its provider's description and client, and print the table
	@$(BIN)/python -m catalog_check

bench: $(STAMP) ## measure: added latency, revoke to denied, approve to first call, judging
	@$(BIN)/python -m bench

lock: ## renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 \
	  pyproject.toml --extra sandbox --group dev -o requirements.lock

clean: ## remove the virtual environment and caches inside the checkout
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
