# Two commands are enough: `make run` and `make test`. Each sets up first, once.

VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.annotator-set-up
SHELL := /bin/bash

# Drawn by the processor, so that tests and screenshots are the same on every machine.
SOFTWARE_GL := LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=llvmpipe QT_QPA_PLATFORM=xcb
DEMO_DIR ?=

.PHONY: help setup system run test lint types contracts bench pictures wheel clean

help:
	@echo 'make run        open the window on the sample project (without a display: under a virtual one)'
	@echo 'make test       run the tests'
	@echo 'make setup      only build .venv (and, as root, install the system packages)'
	@echo 'make lint types contracts      what CI checks besides the tests'
	@echo 'make bench      measure against named peers'
	@echo 'make pictures   draw the pictures of the user guide anew'
	@echo 'make wheel      build the wheel into dist/'

setup: system $(STAMP)

system:
	@installers/linux/system-packages.sh

$(STAMP): pyproject.toml constraints.txt hatch_build.py $(wildcard annotator/analysis/*.c)
	@installers/linux/make-venv.sh $(VENV)
	@$(PY) -m pip install --quiet --upgrade 'pip>=25.1'
	$(PY) -m pip install --quiet --constraint constraints.txt --editable '.[app,postgres,torch,networks]' --group dev
	$(PY) -m pip install --quiet --constraint constraints.txt --no-deps nnunetv2 \
		dynamic-network-architectures batchgenerators batchgeneratorsv2 acvl-utils
	@touch $(STAMP)

run: setup
	$(PY) -m annotator demo $(DEMO_DIR)

# Two workers, a whole file to each: a module's fixtures (a server, a window) are built once.
# Every worker has a virtual display of its own (tests/conftest.py), so windows never compete.
# Each computes in one thread: more would spin on the processor that the other worker needs.
# In the order of the folders, the small files of tests/unit come last and both workers end together.
test: setup
	$(SOFTWARE_GL) OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(STAMP)
	$(PY) -m mypy

contracts: $(STAMP)
	$(VENV)/bin/lint-imports --no-logo

bench: setup
	@set -e; for script in tests/benchmarks/bench_*.py; do \
		echo "== $$script"; $(SOFTWARE_GL) xvfb-run -a -s '-screen 0 1920x1080x24' $(PY) $$script; \
	done

pictures: setup
	$(SOFTWARE_GL) $(PY) docs/make_pictures.py

wheel: $(STAMP)
	$(PY) -m build --wheel --no-isolation

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
