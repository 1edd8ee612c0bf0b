# Two commands matter: `make run` shows the whole pipeline, `make test` checks it. `make help` lists the rest.
VENV   := .venv
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN    := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help run test lint lab panel samples clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.installed ## the six notebooks on the offline stand-in models; goes on where an earlier run stopped
	@$(BIN)/python -m routerlib run

test: $(VENV)/.tested lint ## lint, unit tests, the notebooks at their smallest size, the panel in a browser
	$(BIN)/python -m pytest

lint: $(VENV)/.tested ## ruff over code and notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lab: $(VENV)/.installed ## JupyterLab on the notebooks
	$(BIN)/jupyter lab --ip 127.0.0.1 notebooks

panel: $(VENV)/.installed ## the demo panel as a page of its own
	$(BIN)/voila notebooks/06_demo.ipynb --Voila.ip=127.0.0.1

samples: $(VENV)/.installed ## re-make the sample data in routerlib/samples, votes recorded anew
	$(BIN)/python scripts/remake_samples.py
	$(BIN)/python -m routerlib run 03 04
	$(BIN)/python scripts/remake_samples.py --record

clean: ## remove everything a run has written (answers included) and the environment
	rm -rf $(VENV) outputs/*

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found. Name one: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing the environment into $(VENV) (a few minutes, once) …"
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps -e .
	$(BIN)/python -m pip check
	@touch $@

$(VENV)/.tested: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@bash tests/browser/install.sh
	@touch $@
