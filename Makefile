# Everything a person types here. `make help` lists it.
SHELL := /bin/bash
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests up demo test check lint types imports docs docs-check fix clean assets bench-columns bench-attacks bench-pii bench-microdata bench-synth bench-dp audit-dp bench-enclave

help: ## This list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## System packages and Python environments, as far as they are missing
	@scripts/system-packages >&2
	@scripts/environment >&2

setup-tests: ## The same, with what the tests need (PostgreSQL, Chromium)
	@scripts/system-packages --tests >&2
	@scripts/environment >&2

up: setup ## Start everything with the demo ministry, until Ctrl-C
	@exec $(BIN)/enclave up --demo

demo: setup ## Walk the whole story unattended, write build/demo/report.json (ARGS=--kill-object-store: with a crash)
	@exec $(BIN)/enclave demo $(ARGS)

test: setup-tests ## All tests
	$(BIN)/python -m pytest

check: setup lint types imports docs-check ## Lint, types, import contracts, generated docs

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports

bench-pii: setup ## Identifiers in free text: recall, precision and speed beside raw Presidio, as JSON (ARGS="--seed fresh")
	@$(BIN)/python scripts/bench/pii.py $(ARGS)

docs: setup ## Write the generated pages of docs/reference
	$(BIN)/enclave docs write

docs-check:
	$(BIN)/enclave docs check

fix: ## Let ruff fix and format what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench-microdata: setup ## Risk, protection and whole recipes beside pycanon, anjana and raw Presidio, as JSON (BIG=1: 20 million rows)
	@scripts/bench-environment
	@OMP_NUM_THREADS=1 $(BIN)/python scripts/bench/microdata.py $(ARGS)

bench-columns: setup ## The column classifier: roles right, direct identifiers missed, CPU seconds, as JSON
	@OMP_NUM_THREADS=1 $(BIN)/python scripts/bench/columns.py

bench-attacks: setup ## The attacks on releases beside anonymeter's, on the same tables, as JSON (installs it under build/)
	@[ -x build/anonymeter/bin/python ] || { python3 -m venv build/anonymeter && \
		build/anonymeter/bin/pip install -q anonymeter==1.1.0; } >&2
	@OMP_NUM_THREADS=1 $(BIN)/python scripts/bench/attacks.py --beside build/anonymeter/bin/python

bench-synth: setup ## Synthesizers beside raw SDV and SmartNoise Synth: fidelity, regressions, attacks, time, memory, as JSON
	@scripts/bench-synth-peers
	@OMP_NUM_THREADS=1 $(BIN)/python scripts/bench/synth.py --smartnoise build/smartnoise/bin/python \
		--anonymeter build/anonymeter/bin/python $(ARGS)

bench-dp: setup ## Private answers beside diffprivlib, PipelineDP, SmartNoise and Tumult: error, time, memory, as JSON (ARGS="--quick")
	@OMP_NUM_THREADS=1 $(BIN)/python scripts/bench/dp.py $(ARGS)

bench-enclave: setup ## Sessions beside a stock JupyterHub: hub ready, first cell, memory, revoke to dead, as JSON (ARGS="--sessions 1")
	@[ -x build/stockhub/bin/configurable-http-proxy ] || { python3 -m venv build/stockhub && \
		build/stockhub/bin/pip install -q configurable-http-proxy==0.4.0; } >&2
	@$(BIN)/python scripts/bench/sessions.py --stock build/stockhub/bin/configurable-http-proxy $(ARGS)

audit-dp: setup ## Tries to disprove every claim of differential privacy, through the release path and the ledger (ARGS="--json")
	@OMP_NUM_THREADS=1 $(BIN)/python scripts/audit_dp.py $(ARGS)

assets: ## Build the portal's CSS and JavaScript from their sources again (needs Node; only to change the look)
	cd request_portal/assets && npm install && npm run build

clean: ## Remove what the demo and the builds left (not the environments)
	rm -rf build dist var
