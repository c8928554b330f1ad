# The two commands to know: `make train MODEL=deciwatch EXP=2.3` and `make test`. `make help` lists all.

PYTHON  ?= $(shell command -v python3.11 || command -v python3)
VENV    ?= .venv
PY      := $(VENV)/bin/python
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)

# Real annotations are used where data/raw holds them; otherwise a synthetic sample is made.
PENN    ?= $(firstword $(wildcard data/raw/Penn_Action.tar.gz data/raw/Penn_Action/labels data/raw/penn_action/labels))
BRACE   ?= $(firstword $(wildcard data/raw/brace/dataset.zip data/raw/brace))
MANUAL  ?= $(firstword $(wildcard data/raw/brace/manual_keypoints.zip data/raw/brace/manual_keypoints))
CLIPS   ?= 60
FORMAT  ?= zarr
ifeq ($(strip $(PENN)$(BRACE)),)
STORE   ?= data/processed/sample.$(FORMAT)
SOURCES := --penn-action data/sample/penn_action/labels --brace data/sample/brace --brace-manual data/sample/brace/manual_keypoints --actions all
SAMPLE  := data/sample/.pose-smoother-sample
else
STORE   ?= data/processed/store.$(FORMAT)
SOURCES := $(if $(PENN),--penn-action $(PENN)) $(if $(BRACE),--brace $(BRACE)) $(if $(MANUAL),--brace-manual $(MANUAL)) $(if $(ACTIONS),--actions $(ACTIONS))
SAMPLE  :=
endif
RUNS    ?= runs
REPORT  ?= report
BENCH   ?= build/bench
SEED    ?= 0

.DEFAULT_GOAL := help
.PHONY: help setup pretrained demo preprocess train baselines sweep report docs test test-slow test-lowest faults lint format bench clean

help: ## List the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  MODEL=resmlp|smoothnet|3dconv|biconvlstm-s|biconvlstm-c|deciwatch  EXP=1.1|1.2|1.3|2.1|2.2|2.3|real  (for make train)"
	@echo "  STORE=$(STORE)  RUNS=$(RUNS)  SEED=$(SEED)  WORKERS=$(WORKERS)  ARGS='more options'"

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip -c constraints.txt
	$(PY) -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

setup: $(VENV)/.ready ## Make the environment in .venv

# The sample's own mark: `sample` writes it, and refuses a folder that holds anything else.
data/sample/.pose-smoother-sample: | $(VENV)/.ready
	@echo "data/raw holds no annotations: making a synthetic sample in data/sample (see data/README.md)"
	$(PY) -m pipeline sample data/sample --clips $(CLIPS) --seed 0

$(STORE)/MANIFEST.json: | $(VENV)/.ready $(SAMPLE)
	$(PY) -m pipeline preprocess $(SOURCES) --out $(STORE) --format $(FORMAT) --workers $(WORKERS)

demo: $(STORE)/MANIFEST.json ## From nothing to smoothed poses: filters, the fifth model, tables, pictures
	$(PY) -m trainer baselines --exp 1.1 --store $(STORE) --out $(RUNS)
	$(PY) -m trainer train --model resmlp --exp 1.1 --store $(STORE) --out $(RUNS)
	$(PY) -m trainer report $(RUNS) --out $(REPORT)
	$(PY) -m trainer show --run $(RUNS)/resmlp-1.1-seed0 --out $(REPORT)/smoothed.png --overwrite
	$(PY) -m trainer show --run $(RUNS)/resmlp-1.1-seed0 --out $(REPORT)/smoothed.gif --overwrite
	@echo "look at $(REPORT)/report.html, $(REPORT)/smoothed.png and $(REPORT)/smoothed.gif"

preprocess: $(STORE)/MANIFEST.json ## Annotations into a store (a sample where data/raw is empty)

train: $(STORE)/MANIFEST.json ## Train and test MODEL on EXP
	@test -n "$(MODEL)" -a -n "$(EXP)" || { echo "error: say which, e.g. make train MODEL=deciwatch EXP=2.3"; exit 2; }
	$(PY) -m trainer train --model $(MODEL) --exp $(EXP) --store $(STORE) --out $(RUNS) --seed $(SEED) $(ARGS)

baselines: $(STORE)/MANIFEST.json ## Identity and the classical smoothers on EXP (or all)
	$(PY) -m trainer baselines --exp $(or $(EXP),all) --store $(STORE) --out $(RUNS) --seed $(SEED) $(ARGS)

sweep: $(STORE)/MANIFEST.json ## Train the thesis's 4 models on its 6 experiments, with all smoothers
	$(PY) -m trainer sweep --store $(STORE) --out $(RUNS) $(ARGS)

report: | $(VENV)/.ready ## Tables, figures and a page from RUNS
	$(PY) -m trainer report $(RUNS) --out $(REPORT) $(ARGS)

docs: $(VENV)/.ready ## Build the docs site into site/ (no network)
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

pretrained: $(VENV)/.ready ## Train both networks that ship, from nothing: under three hours of two cores (build/pretrained)
	$(PY) -m trainer.pretrain --out build/pretrained/first
	$(PY) -m trainer.pretrain.distil --out build/pretrained/file --weights build/pretrained/first/weights.npz
	$(PY) -m trainer.pretrain --out build/pretrained/live --live --steps 3700 --pool 800

# The tests start hundreds of processes: each would compile the sources anew.
test test-slow test-lowest: export PYTHONDONTWRITEBYTECODE =

# A file's tests share what they make, so one worker runs them; in this order the long files begin.
PYTEST  := -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: $(VENV)/.ready ## Run the tests (under ten minutes on two cores)
	$(PY) $(PYTEST) -m "not slow" $(ARGS)

test-slow: $(VENV)/.ready ## Run the slow tests too
	$(PY) $(PYTEST) $(ARGS)

LOWEST  := build/lowest-venv

$(LOWEST)/.ready: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet -c constraints-lowest.txt -e '.[dev]'
	@touch $@

test-lowest: $(LOWEST)/.ready ## Run the tests on the lowest versions that pyproject.toml declares
	$(LOWEST)/bin/python $(PYTEST) -m "not slow" $(ARGS)

faults: $(VENV)/.ready ## Inject faults at length: ARGS='--rows 1,5 --tries 100 --seed 0 --minutes 10'
	$(PY) -m tests.faults $(ARGS)

lint: $(VENV)/.ready ## Style and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(VENV)/.ready ## Put the code into the house's layout
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: $(VENV)/.ready ## Time preprocessing, streaming and training here: tables, CSVs and pictures in BENCH
	$(PY) -m pipeline bench --out $(BENCH)
	$(PY) -m trainer bench --out $(BENCH) $(ARGS)

# Only what has the mark that we write when we make it.
MADE := $(VENV)/.ready data/sample/.pose-smoother-sample data/processed/sample.zarr/MANIFEST.json data/processed/sample.hdf5/MANIFEST.json

clean: ## Remove the environment, the sample and the sample's store
	@for mark in $(MADE); do \
	  folder=$$(dirname $$mark); \
	  if [ -L $$folder ]; then echo "$$folder is a link: left as it is"; \
	  elif [ -f $$mark ]; then echo "rm -rf $$folder"; rm -rf $$folder; \
	  elif [ -e $$folder ]; then echo "$$folder was not made by make: left as it is"; fi; \
	done
