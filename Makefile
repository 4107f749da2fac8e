# Two commands are all it takes: `make demo` and `make test`. Each makes its own .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Many tests wait for a process or a platform: more of them than there are cores can run side by side.
WORKERS ?= 4
# The tests start many processes, and each would compile the whole package again where this is set.
export PYTHONDONTWRITEBYTECODE =
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test lint texts screenshots lock clean

demo: $(VENV)/ready
	@$(BIN)/publisher demo $(DEMO)

test: lint
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --durations=10 $(TESTS)

lint: $(VENV)/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.catalogues check

# The list of texts to translate, publisher/locale/publisher.pot, and the catalogue of each language.
texts: $(VENV)/ready-dev
	$(BIN)/python -m tests.catalogues extract

# Every page of the desk, light, dark and on a phone, in screenshots/; those of the README in docs/pictures/.
screenshots: $(VENV)/ready-dev
	@PUBLISHER_LOG_LEVEL=error $(BIN)/python -m tests.browser.screenshots screenshots docs/pictures

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "publisher needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)")'
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/ready: $(VENV)/bin/python requirements.lock pyproject.toml
	@echo "Installing the pinned dependencies (about a minute the first time)"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready requirements-dev.lock
	@echo "Installing what the tests need"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# The lock files name versions and hashes, never a registry: pip takes that from the machine.
COMPILE = $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --all-build-deps \
	--no-header --no-annotate --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

# The demo and the tests use everything that an installation may leave out.
EXTRAS = --extra postgresql --extra s3 --extra sandbox

lock: $(VENV)/bin/python
	$(PIP) install pip-tools
	$(COMPILE) $(EXTRAS) --extra dev --output-file requirements-dev.lock pyproject.toml
	$(COMPILE) $(EXTRAS) --constraint requirements-dev.lock --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) demo screenshots build .pytest_cache .mypy_cache .ruff_cache
