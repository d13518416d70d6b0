# Everything runs in .venv, made here with PYTHON (3.11 or newer): make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet
RUN := $(BIN)/python -m

.DEFAULT_GOAL := help
.PHONY: help install install-test demo test test-all test-bare test-oldest lint format bench bench-peers coverage-study clean

help:
	@echo "make install         the package and what it needs, into $(VENV)"
	@echo "make demo            install, then run the Michigan study and write its report"
	@echo "make test            install the test tools too, then lint, type check and test"
	@echo "make test-all        the browser, an environment without extras, and the oldest versions that are allowed"
	@echo "make lint            ruff, mypy, import-linter"
	@echo "make format          let ruff mend layout and imports"
	@echo "make bench           time the share, matching and weighting beside bare numpy floors, and all beside other packages"
	@echo "make bench-peers     the environment of those other packages, $(VENV)-peers (1 GB)"
	@echo "make coverage-study  simulate the coverage of the intervals, the full grid"
	@echo "make clean           remove $(VENV), builds and caches; reports in runs/ stay"

# ensurepip is looked for first: without it venv leaves a half-made environment behind.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is missing or older than 3.11. Install Python 3.11 or newer, or name one:" \
	         "make $(or $(MAKECMDGOALS),install) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "make: $(PYTHON) cannot make an environment: its venv or ensurepip module is missing." \
	         "On Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml constraints.txt
	@echo "installing into $(VENV)"
	@$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.made pyproject.toml constraints.txt
	@echo "installing with the test tools into $(VENV)"
	@$(PIP) install -c constraints.txt -e '.[test]'
	@touch $(VENV)/.installed $@

install: $(VENV)/.installed

install-test: $(VENV)/.installed-test

# 0: done; 3: done and written, and a gate of the review failed. Both are a finished demo.
demo: install
	@code=0; $(BIN)/attribution run designs/michigan-grants.toml || code=$$?; \
	case $$code in \
	  0) echo "demo: done, no gate failed (exit code 0)" ;; \
	  3) echo "demo: done and written; a gate failed, see the findings in the report (exit code 3)" ;; \
	  *) echo "demo: failed (exit code $$code)" >&2; exit $$code ;; \
	esac

lint: install-test
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(BIN)/lint-imports --no-logo

# A process for each core, with a thread each; the tests of a file stay together, with what they share.
test: lint
	OMP_NUM_THREADS=1 $(RUN) pytest -n auto --dist loadfile

# Longer than make test: the page in a real browser, then two environments of their own.
test-all: install-test
	$(RUN) pytest tests/browser
	$(MAKE) test-bare test-oldest

# A user's installation: the wheel, no extras, no test tools.
test-bare: $(VENV)/.made
	rm -rf $(VENV)-bare && $(PYTHON) -m venv $(VENV)-bare
	$(VENV)-bare/bin/python -m pip --disable-pip-version-check --no-input --quiet install -c constraints.txt .
	cd $(VENV)-bare && bin/attribution run ../designs/michigan-grants.toml --out run
	cd $(VENV)-bare && rm -f safety.toml && bin/attribution new safety && bin/attribution check safety.toml

test-oldest: install-test
	$(PIP) install uv
	$(RUN) uv --quiet venv --clear $(VENV)-oldest --python $(BIN)/python
	$(RUN) uv --quiet pip install --python $(VENV)-oldest/bin/python --resolution lowest-direct -e '.[test]'
	OMP_NUM_THREADS=1 $(VENV)-oldest/bin/python -m pytest --ignore=tests/browser -n auto --dist loadfile

format: install-test
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

# A script that needs the environment of bench-peers says so and stops where it is missing. All run, whatever the first finds.
bench: install-test
	@code=0; for script in share matching weighting rehearse peers; do \
	  $(BIN)/python benchmarks/$$script.py || code=1; done; exit $$code

bench-peers: $(VENV)-peers/.installed

$(VENV)-peers/.installed: benchmarks/peers.txt | $(VENV)/.made
	@echo "installing other packages into $(VENV)-peers"
	@$(PYTHON) -m venv --clear $(VENV)-peers
	@$(VENV)-peers/bin/python -m pip --disable-pip-version-check --no-input --quiet install -r benchmarks/peers.txt
	@touch $@

coverage-study: install-test
	$(BIN)/python tests/calibration/study.py
	$(BIN)/python tests/calibration/staggered_study.py
	$(BIN)/python tests/calibration/trend_study.py
	$(BIN)/python tests/calibration/synthetic_study.py
	$(BIN)/python tests/calibration/matched_study.py
	$(BIN)/python tests/calibration/cohort_study.py
	$(BIN)/python tests/calibration/power_study.py
	$(BIN)/python tests/calibration/rehearsal_study.py

clean:
	rm -rf $(VENV) $(VENV)-bare $(VENV)-oldest $(VENV)-peers build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -path ./.git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
