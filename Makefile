# Everything sets itself up: only Python 3.11+ and the package registry are needed.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# MariaDB's driver is built from source, so it is installed only where it is asked for.
DRIVER := $(if $(filter mysql:%,$(DATABASE_URL)),$(VENV)/mysql)

.PHONY: run demo test bench check rig rig-smoke format migrations lock clean help

help: ## list the targets
	@grep -hE '^[a-z.]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z.]+):.*## /  make \1\t/' | expand -t 20

run: $(VENV)/base $(DRIVER) .env ## start everything on this machine and watch a demo order
	@$(BIN)/python manage.py run

demo: $(VENV)/base $(DRIVER) .env ## place another demo order (while `make run` runs)
	@$(BIN)/python manage.py demo

test: $(VENV)/dev ## all tests, on SQLite and, where they answer, on MariaDB and Redis
	@$(PYTHON) scripts/test.py

bench: $(VENV)/dev ## how fast it is, beside floors measured in the same run
	@$(BIN)/python benchmarks/bench.py $(BENCH)

check: $(VENV)/dev ## format, lint, types, import rules, migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy .
	DJANGO_SETTINGS_MODULE=ding.test_settings $(BIN)/python manage.py makemigrations --check --dry-run
	DJANGO_SETTINGS_MODULE=ding.test_settings $(BIN)/python manage.py check

rig-smoke: $(VENV)/dev ## the most important faults, some minutes; needs MariaDB and Redis
	@$(BIN)/python -m reliability --smoke $(RIG)

rig: $(VENV)/dev ## every fault, an hour; RIG="--seed 1 --only F01,F05" for less
	@$(BIN)/python -m reliability --report docs/reliability.md $(RIG)

format: $(VENV)/dev ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/dev ## resolve requirements again, with hashes
	$(LOCK) requirements/base.in -o requirements/base.txt
	$(LOCK) requirements.in -c requirements/base.txt -o requirements.txt
	$(LOCK) requirements/dev.in -c requirements/base.txt -o requirements/dev.txt
LOCK := $(BIN)/uv pip compile -q --upgrade --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

clean: ## remove the environment and all local data
	rm -rf $(VENV) var .env

.env:
	@umask 077; $(PYTHON) ding/fresh_env.py > $@
	@echo "Wrote .env with fresh secrets."

$(VENV)/python:
	@echo "Making a Python environment in $(VENV) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say which: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing: apt-get install python3-venv"; exit 1; }
	@touch $@

$(VENV)/base: $(VENV)/python requirements/base.txt
	@echo "Installing what ding needs (a minute) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/base.txt
	@touch $@

$(VENV)/mysql: $(VENV)/base requirements.txt
	@echo "Installing MariaDB's driver ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.txt || { echo "It cannot be built without: apt-get install -y --no-install-recommends build-essential pkg-config libmariadb-dev"; exit 1; }
	@touch $@

$(VENV)/dev: $(VENV)/base requirements/dev.txt
	@echo "Installing the tools ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@
