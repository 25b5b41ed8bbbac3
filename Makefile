SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPATH :=
comma := ,
space := $() $()
# How jobs are run: a folder of workflow/profiles, of which some have a lock of their own.
PROFILE ?= default
$(if $(wildcard workflow/profiles/$(PROFILE)),,$(error PROFILE=$(PROFILE): workflow/profiles has $(notdir $(wildcard workflow/profiles/*))))
# The studies of config/config.yaml, or those named: STUDY=a, STUDIES="a b".
CHOSEN = $(strip $(STUDY) $(STUDIES))
# One at a time in this folder.
ALONE = $(BIN)/python workflow/lib/isoloss/running.py
SNAKEMAKE = $(ALONE) $(BIN)/snakemake --workflow-profile workflow/profiles/$(PROFILE) \
	$(if $(CORES),--cores $(CORES)) $(ARGS) \
	$(if $(CHOSEN),--config "studies=[$(subst $(space),$(comma),$(CHOSEN))]")
# What checks and what hands jobs to a cluster are kept up to date where they are installed, and
# installed nowhere else. (By the shell: make remembers what its first look at a folder found.)
LOCKS = requirements.lock \
	$(wildcard $(patsubst .venv/ready-%,requirements-%.lock,$(shell ls .venv/ready-* 2>/dev/null)))
READY = .venv/ready $(patsubst requirements-%.lock,.venv/ready-%,$(wildcard requirements-$(PROFILE).lock))
ADVISORIES = https://api.osv.dev/v1/vulns/PYSEC-2018-28
# This folder's library, wherever the environment's own may lie.
ISOLOSS = PYTHONPATH=workflow/lib $(BIN)/python -m isoloss.cli

# Shards of logs that are to be made again first, alone: what follows from one runs only if it came
# out different (workflow/rules/common.smk). Without any, the first call makes everything. The mark
# is this make's own: another that is started beside it must not take it away.
define make
	@mark=.isoloss/more.$$PPID; rm -f $$mark; \
	ISOLOSS_FIRST=$$mark $(SNAKEMAKE) $(1) || test -e $$mark; \
	if rm $$mark 2>/dev/null; then $(SNAKEMAKE) $(1); fi
endef

define install
	@echo "Setting up .venv from $(sort $(LOCKS) $(1))"
	@$(BIN)/uv pip sync --quiet --python .venv --require-hashes --compile-bytecode $(sort $(LOCKS) $(1))
	@$(BIN)/uv pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q workflow/lib
	@touch $@
endef

.PHONY: all check claims report bundle verify unlock setup test bench mutate faults fuzz audit clean help
.DEFAULT_GOAL := all

# What was looked up is kept by size, time stamp and inode; FRESH=1 looks at every byte again.
$(if $(FRESH),$(shell rm -f .isoloss/*.json))

all: setup ## set up .venv and make every figure, table and claim
	$(call make)
	@echo
	@echo "Open first: results/page/<study>.html, whether the logs can be trusted"
	@echo "Figures: results/figure   Tables: results/table   Published numbers checked: results/claims"
	@cat results/headline.txt
	@$(ISOLOSS) published

check: setup ## whether the logs can be trusted: no fits, a line a run, and where to see every curve
	$(call make,-- check)
	@echo
	@$(ISOLOSS) check $(CHOSEN)

claims: setup ## what is published against ours, a sentence each; an error where a strict claim differs
	$(call make,-- ledger)
	@echo
	@$(ISOLOSS) claims $(CHOSEN)

report: all ## the same as make, and all of it on one page: results/report/report.html
	@mkdir -p results/report
	@$(SNAKEMAKE) --report results/report/report.html
	@echo "The report: results/report/report.html"

bundle: all .venv/ready-bundle ## one zip for reviewers: data, settings, program, results, with their digests
	@$(ISOLOSS) bundle $(CHOSEN) --output $(or $(BUNDLE),results/bundle.zip)

verify: setup ## make a bundle again elsewhere, from its raw logs, and compare every byte (BUNDLE=x.zip)
	@$(ISOLOSS) verify $(or $(BUNDLE),results/bundle.zip)

unlock: setup ## after a run was killed: take away the lock that it left
	@$(SNAKEMAKE) --unlock

setup: $(READY) ## only set up .venv, with what runs

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "isoloss needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	@$(PYTHON) -m venv .venv
	@awk '/^[^ ]/ {uv = /^uv==/} uv' requirements.lock > .venv/uv.lock
	@$(BIN)/pip install --quiet --require-hashes --requirement .venv/uv.lock
	$(call install)

# The mark stays, so that a later set-up keeps what this adds.
.venv/ready-%: requirements-%.lock .venv/ready
	$(call install,$<)

test: .venv/ready-dev ## set up what checks, too, and run every check
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/snakefmt --check Snakefile workflow
	@$(BIN)/snakemake --workflow-profile workflow/profiles/default --lint
	@$(BIN)/pytest -n 2

bench: setup ## the benchmarks
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file; done

mutate: .venv/ready-dev ## break the library in every small place (SAMPLE=40 SEED=1: in so many); which do its tests miss?
	@$(BIN)/python tests/mutate.py $(if $(SAMPLE),--sample $(SAMPLE)) --seed $(or $(SEED),1) $(PACKAGES)

faults: .venv/ready-dev ## kills, full disks, odd places and the like, all of them (make test runs a sample)
	@FAULTS=1 $(BIN)/pytest tests/workflow/test_faults.py

fuzz: .venv/ready-dev ## try mutated logs and studies (INPUTS=2000 SEED=2 TARGETS="wandb study"): is each answered?
	@PYTHONPATH=workflow/lib:tests/unit $(BIN)/python tests/fuzz.py --inputs $(or $(INPUTS),100000) \
		--seed $(or $(SEED),1) $(TARGETS)

# The locks are read as they stand: nothing of theirs is installed or asked for.
audit: .venv/ready-dev ## known holes in what the locks pin; says so where no advisory database answers
	@if $(BIN)/python -c 'from urllib.request import urlopen; urlopen("$(ADVISORIES)", timeout=20)' 2>/dev/null; \
	then $(BIN)/uv tool run pip-audit==2.10.1 --vulnerability-service osv --no-deps --disable-pip \
		$(patsubst %,--requirement %,$(wildcard requirements*.lock)); \
	else echo "The locks were not audited: no answer from $(ADVISORIES); run it where that can be reached"; fi

clean: ## remove what can be made again: results, logs
	@test ! -d results || find results -mindepth 1 ! -path results/README.md -delete
	rm -rf logs .snakemake .isoloss

help: ## this list
	@echo 'make [target] [STUDY=name] [STUDIES="a b"]: of all studies of config/config.yaml, or of those named'
	@echo 'make PROFILE=slurm [ARGS="--jobs 20"]: the same on a cluster (docs/cluster.md), with arguments for Snakemake'
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' Makefile
