# make study: train the smoke study and print its tables.  make test: run all tests.  Both install what they need.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/
READY := $(VENV)/.ready

.PHONY: study test test-slow test-cluster check bench clean

study: $(READY)
	$(RUN)python studies/subsampling_ablation.py

test: $(READY)
	$(RUN)python -m pytest

test-slow: $(READY)
	$(RUN)python -m pytest -m slow

# As root, with openssh-server, rsync and iproute2: hosts of their own, with networks and processes of their own.
test-cluster: $(READY)
	$(RUN)python -m pytest -m cluster -rs

check: $(READY)
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy
	$(RUN)lint-imports
	$(RUN)python -m pytest -q tests/retable/test_layout.py

bench: $(READY)
	$(RUN)python benchmarks/step_time.py
	$(RUN)python benchmarks/frechet.py

# Installed anew whenever what is to be installed has changed.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Retable needs Python 3.11 or newer, but $(PYTHON) is " + sys.version.split()[0] + "; name another with make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(RUN)python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) results .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
