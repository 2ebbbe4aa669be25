# chute-gateway. `make help` lists what there is.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
PORT ?= 8000
BENCH ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help install run engines test check lint types fast bench ui screenshots lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## Create .venv with the gateway and the chutes SDK

$(VENV)/.installed: requirements/gateway.txt pyproject.toml
	@./requirements/install-gateway.sh $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.tools: requirements/test.txt $(VENV)/.installed
	@./requirements/install-gateway.sh $(PYTHON) $(VENV) requirements/gateway.txt requirements/test.txt
	@touch $@

engines: install ## Create .venv-engines with the runtimes of the local engines (CPU or GPU, as the machine is)
	@./requirements/install-engines.sh auto

run: install engines ## Start the gateway with its local engines on PORT (default 8000)
	@PORT=$(PORT) $(BIN)/python chute_gateway.py

check: lint types fast ## The fast lane: style, types, architecture and the tests that need no engine

lint: $(VENV)/.tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.tools
	$(BIN)/mypy

fast: $(VENV)/.tools
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not engines and not vllm and not node and not chute and not slow"

test: ## Install what the tests need and run the whole suite
	@PYTHON=$(PYTHON) ./tests/run.sh

bench: $(VENV)/.installed ## Measure the gateway beside its peers (20 minutes); BENCH="--rounds 1" changes how
	@./bench/peers/install.sh $(PYTHON)
	@$(BIN)/python -m bench --write docs/performance.md $(BENCH)

ui: $(VENV)/.installed ## Build the web UI from ui/ into gateway/static (needs Node 20)
	@cd ui && npm ci --silent --no-audit --no-fund
	@$(BIN)/python ui/scripts/schema.py ui/src/api/schema.json
	@cd ui && npm run --silent types && npm run --silent build

screenshots: $(VENV)/.tools ## Take the pictures of docs/images anew (needs Chromium)
	@$(BIN)/python -m tests.ui.screenshots docs/images

lock: $(VENV)/.installed ## Compile the locks again from pyproject.toml and requirements/*.in
	@./requirements/lock.sh

clean: ## Remove what was built and installed here
	rm -rf $(VENV) .venv-engines .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info build
