# Two commands matter: `make run` shows the whole pipeline, `make test` checks it. `make help` lists the rest.
VENV   := .venv
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN    := $(VENV)/bin
# The engine that serves the models, vllm or transformers: make run ENGINE=transformers does without vLLM's
# gigabyte. Without it, the library chooses: vLLM where it is installed and the memory is enough.
ENGINE ?=
VLLM   := .venv-vllm
# vLLM's CPU build is made for Linux on x86-64; elsewhere the tests that need it are skipped, and say so.
# Where there is a GPU, vLLM comes with the extra [gpu] instead.
MACHINE := $(shell uname -s)-$(shell uname -m)$(wildcard /proc/driver/nvidia/version)
VLLM_HERE := $(if $(filter Linux-x86_64,$(MACHINE)),$(VLLM)/.installed)
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# What pip installs here is compiled to bytecode when it is first imported. Where a shell forbids Python to
# keep that (as images of containers do), each kernel and server would compile all of it again.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help run environments vllm-where-possible test test-folders test-heart test-engines test-screens lint style types mutants lab panel docs badges samples clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: environments ## the six notebooks on the offline stand-in models; goes on where an earlier run stopped
	@$(if $(ENGINE),ROUTERLIB_ENGINE=$(ENGINE)) $(BIN)/python -m routerlib run

# Both at once: pip works on one core, and waits for the network for a part of its time.
environments: | $(VENV)/bin/python
	@$(MAKE) --no-print-directory -j2 $(VENV)/.installed \
		$(if $(and $(VLLM_HERE),$(filter-out transformers,$(or $(ENGINE),any))),vllm-where-possible)

# Where vLLM cannot be installed, and nobody asked for it by name, the run goes on without it.
vllm-where-possible:
	@$(MAKE) --no-print-directory $(VLLM_HERE) || \
		$(if $(ENGINE),exit 1,echo "vLLM could not be installed here: transformers serves the models.")

# Processes of their own: what trains and compiles models, what patches event loops and ends by signals, and
# what starts engines, kernels and browsers. Two groups run beside each other, since they wait a lot.
test: $(VENV)/.tested $(VLLM_HERE) style ## lint, unit tests, both engines for real, the notebooks at their smallest size, the panel in a browser
	$(MAKE) --no-print-directory -j2 --output-sync=target test-folders test-heart types
	$(MAKE) --no-print-directory -j2 --output-sync=target test-engines test-screens

test-folders:
	$(BIN)/python -m pytest -m "not real and not notebooks and not browser" --ignore tests/training --ignore-glob "tests/test_*.py"

test-heart:
	$(BIN)/python -m pytest tests/training
	$(BIN)/python -m pytest tests/test_*.py

test-engines:
	$(BIN)/python -m pytest --durations=8 -m "real and not notebooks and not browser" --ignore tests/test_installation.py

test-screens:
	$(BIN)/python -m pytest --durations=8 -m "notebooks or browser"
	$(BIN)/python -m pytest -m real tests/test_installation.py

lint: style types ## ruff over code and notebooks, the layers of the folders, the types

style: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

# More than a minute where nothing is known from an earlier time.
types: $(VENV)/.tested
	$(BIN)/mypy

# An hour and more; goes on where it stopped. What no test noticed: .venv/bin/mutmut results
mutants: $(VENV)/.tested ## mutation tests of routerlib/stats and routerlib/training (ONLY="routerlib.stats.*" for a part)
	$(BIN)/mutmut run $(if $(ONLY),"$(ONLY)")
	$(BIN)/mutmut results

lab: $(VENV)/.installed ## JupyterLab on the notebooks
	@$(BIN)/python -m routerlib.notebook.lab

# Each open page has a kernel of its own; a closed page's ends two minutes later.
panel: $(VENV)/.installed ## the demo panel as a page of its own
	@$(BIN)/python -m routerlib.notebook.page

# Of a run with the defaults; one that is done already is not run again.
docs: $(VENV)/.tested run ## what docs/ shows of a real run: the rendered notebooks, the panel's picture, the reference
	$(BIN)/python scripts/render_notebooks.py
	$(BIN)/python tests/browser/screenshot.py
	$(BIN)/python scripts/make_reference.py

badges: | $(VENV)/bin/python ## the notebooks' Colab badges, from the repository's address (ADDRESS=https://github.com/OWNER/NAME)
	$(BIN)/python scripts/badges.py $(ADDRESS)

samples: $(VENV)/.installed ## re-make the sample data in routerlib/samples, votes recorded anew
	$(BIN)/python scripts/remake_samples.py
	$(BIN)/python -m routerlib run 03 04
	$(BIN)/python scripts/remake_samples.py --record
	$(BIN)/python scripts/remake_log.py

clean: ## remove everything a run has written (answers included) and the environment
	rm -rf $(VENV) $(VLLM) outputs/*

$(VENV)/bin/python:
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed, and $(if $(PYTHON),$(PYTHON) is none,none was found). Name one: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/pyvenv.cfg: | $(VENV)/bin/python

# Without compiling to bytecode: Python does that for what is imported, a third of it, when it is. vLLM's
# environment is compiled at once, since its installation ends long before this one.
$(VENV)/.installed: requirements.txt $(wildcard requirements/*.txt) pyproject.toml | $(VENV)/bin/python
	@echo "Installing the environment into $(VENV) (two minutes, once) …"
	$(BIN)/python -m pip install --quiet --no-compile -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps -e .
	$(BIN)/python -m pip check
	@touch $@

# vLLM has an environment of its own, since it wants other versions than the notebooks; what both can
# share (torch, transformers) it reads from the first one, through a .pth file. So it can be installed
# while the first one is, and has to be made again with that one alone.
$(VLLM)/.installed: requirements-vllm.txt $(VENV)/pyvenv.cfg
	@echo "Installing vLLM's CPU build into $(VLLM) (a minute, once) …"
	$(BIN)/python -m venv --clear $(VLLM)
	@$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > \
		"$$($(VLLM)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/notebooks.pth"
	$(VLLM)/bin/python -m pip install --quiet --no-deps -r requirements-vllm.txt
	@touch $@

$(VENV)/.tested: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@bash tests/browser/install.sh
	@touch $@
