# Thin: everything here is also reachable by uv, pytest, chaos and locust (README). Each target works on a fresh machine.
PYTHON := .venv/bin/python
RUN ?= latest
IMAGES ?= auto
.PHONY: help setup gate test lint unit component smoke up down status preflight plan experiment heal report bench mutation lock
.DEFAULT_GOAL := help
# Outside the checkout: in a fresh clone every type would be found out anew.
export MYPY_CACHE_DIR := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/resilience-suite/mypy
# Tests write thousands of small records, each of them synced: in memory, where there is a place for that.
IN_MEMORY = TMPDIR=$(shell test -w /dev/shm && test "$$(df --output=avail /dev/shm | tail -n 1)" -gt 1000000 && echo /dev/shm || echo "$${TMPDIR:-/tmp}")
# Each process takes its share of the files: pytest-xdist would collect all of them in each, and hand each result on.
SHARES := $(shell n=$$(nproc); echo $$((n < 8 ? n : 8)))
SHARE = out=$$("$$0" -m pytest -q tests/unit $$(ls tests/unit/test_*.py | awk "NR % $(SHARES) != $$1 {print \"--ignore=\" \$$0}") 2>&1); code=$$?; echo "$$out"; exit $$code
unexport PYTHONDONTWRITEBYTECODE  # a run starts dozens of Pythons: each would compile all that it imports

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

setup:  ## the Python environment (.venv), exactly as locked
	@deploy/setup.sh

gate: setup  ## everything: platform, all experiments and negative controls, report; exit 0, 1 failed, 2 not proven
	@$(PYTHON) -m experiments gate --images $(IMAGES)

test: setup lint unit component smoke  ## the suite's own tests: lint, unit and component tests, then the live smoke selection

lint: setup  ## style, types, imports, YAML
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check . && $(PYTHON) -m mypy && .venv/bin/lint-imports --no-cache && $(PYTHON) -m yamllint --strict .

unit: setup  ## tests of pure logic: no process, no socket
	@seq 0 $$(($(SHARES) - 1)) | $(IN_MEMORY) xargs -P $(SHARES) -n 1 sh -c '$(SHARE)' $(PYTHON)

component: setup  ## tests with real processes, servers and load on this machine: no cluster, no Docker, no network
	@$(IN_MEMORY) $(PYTHON) -m pytest tests/component -n 3 --dist loadfile -q

smoke: setup  ## the live selection: one experiment per area, a negative control, the pull path, the pod network
	@$(PYTHON) -m pytest tests -m "smoke and not slow" --keep-cluster --image-source $(IMAGES)

up: setup  ## the platform stands (what stands is kept, what changed is applied)
	@$(PYTHON) -m deploy up --images $(IMAGES)

down: setup  ## removes the cluster and its state, and only that
	@$(PYTHON) -m deploy down

status: setup  ## each component: workloads, what is ready, versions, addresses
	@$(PYTHON) -m deploy status

preflight: setup  ## what this machine lacks, with the fix for each
	@$(PYTHON) -m deploy preflight

plan: setup  ## E=mesh/ejection or all: what the live settings allow for each target, before anything is disturbed
	@$(PYTHON) -m experiments plan $(E)

experiment: setup  ## E=mesh/ejection: one experiment on the standing platform
	@$(PYTHON) -m experiments run $(E)

heal: setup  ## undoes every fault that is still recorded as injected
	@$(PYTHON) -m experiments heal

report: setup  ## RUN=latest: judges a run again, without a cluster
	@$(PYTHON) -m reports $(RUN)

bench: setup  ## prints how long each phase took, and what the platform uses while nothing is tested
	@$(PYTHON) -m deploy bench

mutation: setup  ## how many small mistakes in the judge its tests notice; fails under 90 %
	@$(PYTHON) -m tests.mutation

lock: setup  ## writes requirements.lock anew from pyproject.toml
	@PATH="$${XDG_CACHE_HOME:-$$HOME/.cache}/resilience-suite/uv/bin:$$PATH" && uv lock --quiet --upgrade --python $(PYTHON) \
	  && uv export --quiet --no-emit-project --format requirements-txt --all-groups --output-file requirements.lock
