# make        set up .venv and make every figure, table and claim   (make STUDIES="a b": of these studies)
# make check STUDY=name  whether its logs can be trusted: no fits, a line a run, and where to see every curve
# make test   set up .venv and run every check
# make report the same as make, and results/report/report.html
# make bench  the benchmarks;  make clean  remove what can be made again
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPATH :=
comma := ,
space := $() $()
CORES ?= all
SNAKEMAKE = $(BIN)/snakemake --workflow-profile workflow/profiles/default --cores $(CORES) \
	$(if $(STUDIES),--config "studies=[$(subst $(space),$(comma),$(strip $(STUDIES)))]")

.PHONY: all check setup test report bench clean
.DEFAULT_GOAL := all

all: setup
	@$(SNAKEMAKE)
	@echo
	@echo "Open first: results/page/<study>.html, whether the logs can be trusted"
	@echo "Figures: results/figure   Tables: results/table   Published numbers checked: results/claims"
	@cat results/headline.txt

check: STUDIES = $(STUDY)
check: setup
	@test -n "$(STUDY)" || { echo "Which study? make check STUDY=name; config/studies has them."; exit 2; }
	@$(SNAKEMAKE) -- results/page/$(STUDY).html
	@echo
	@PYTHONPATH=workflow/lib $(BIN)/python -m isoloss.check results/quality/$(STUDY).csv results/page/$(STUDY).html

report: all
	@mkdir -p results/report
	@$(SNAKEMAKE) --report results/report/report.html
	@echo "The report: results/report/report.html"

setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "isoloss needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	@echo "Setting up .venv from requirements.lock"
	@$(PYTHON) -m venv .venv
	@awk '/^[^ ]/ {uv = /^uv==/} uv' requirements.lock > .venv/uv.lock
	@$(BIN)/pip install --quiet --require-hashes --requirement .venv/uv.lock
	@$(BIN)/uv pip sync --quiet --python .venv --require-hashes --compile-bytecode requirements.lock
	@$(BIN)/uv pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
	@touch $@

test: setup
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/snakefmt --check Snakefile workflow/rules
	@$(BIN)/snakemake --workflow-profile workflow/profiles/default --lint
	@$(BIN)/pytest -n 2

bench: setup
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file; done

clean:
	rm -rf results logs .snakemake
