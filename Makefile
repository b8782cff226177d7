# Set-up needs Python 3.11+ with venv, and no root; it takes npm where there is one. `make help` lists the targets.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV   := .venv
BIN    := $(VENV)/bin
PYTHON := $(BIN)/python
PIP    := $(PYTHON) -m pip --disable-pip-version-check --quiet
CODE   := fhir_profiles security adapters service bench tests
# Tests start the program some two hundred times: without its bytecode kept, every start compiles it again.
# Three workers for two cores: a third of the time of a test is waiting for a disk or for another process.
TESTS  := PYTHONDONTWRITEBYTECODE= $(PYTHON) -m pytest

.PHONY: help
help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)$$/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

# --- for users

.PHONY: demo
demo: setup ## set up, then start the service with synthetic people on http://127.0.0.1:8000
	@$(BIN)/epaccs demo

.PHONY: setup
setup: $(VENV)/.product fhir_profiles/definitions_r4/.built ## install everything (does nothing when nothing changed)
	@:

# --- for developers

.PHONY: test
test: setup ## every test but the nightly ones
	@$(TESTS) -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: peers
peers: ## what tests try us against (MongoDB's protocol, MESH, SQS, sign-in, a judge of PDF/A), in build/peers; needs Go 1.24, or a JDK and Maven
	@scripts/mongo-peers.sh
	@scripts/mesh-peer.sh
	@scripts/oidc-peer.sh
	@scripts/moto-peer.sh
	@scripts/pdf-peer.sh

.PHONY: lint
lint: setup ## format, lint, types, import contracts, openapi.yaml against the app
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted: run $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@report=$$($(BIN)/lint-imports --no-logo) || { echo "$$report" >&2; exit 1; }
	@$(BIN)/epaccs openapi --check
	@echo "lint: clean"

.PHONY: check
check: ## lint, then test: what CI runs
	@$(MAKE) lint
	@$(MAKE) test

.PHONY: nightly
nightly: setup ## every test, the long harnesses too: 2,000 examples a property, 1,000 kills, a soak (hours)
	@$(TESTS) -m "nightly or not nightly" --hypothesis-profile=nightly

.PHONY: bench
bench: setup ## measure against the targets (20 minutes at most; writes docs/benchmarks.md)
	@$(PYTHON) -m bench

.PHONY: bench-full
bench-full: setup ## the same with 100,000 people
	@$(PYTHON) -m bench --full

.PHONY: openapi
openapi: setup ## write openapi.yaml from the app
	@$(BIN)/epaccs openapi

.PHONY: lock
lock: build/lock/bin/uv ## pin every dependency again; LOCK_ARGS=--upgrade takes newer versions
	@build/lock/bin/uv pip compile $(LOCK_OPTIONS) --extra dev --extra build --output-file requirements.lock pyproject.toml
	@build/lock/bin/uv pip compile $(LOCK_OPTIONS) --extra build --constraint requirements.lock \
	    --output-file requirements-runtime.lock pyproject.toml
	@npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund --silent

.PHONY: clean
clean: ## remove what set-up and tools made; never var/, which holds keys and records
	@rm -rf $(VENV) node_modules build epaccs.egg-info fhir_profiles/definitions_r4 service/web/static/vendor
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the steps of set-up, each run again only when what it reads has changed

$(PYTHON):
	@base=$$(scripts/find-python.sh) && echo "Making $(VENV) ..." && "$$base" -m venv $(VENV)

# setuptools comes first: one test package exists as source only, and a build of its own would fetch an unpinned one.
$(VENV)/.packages: requirements.lock | $(PYTHON)
	@echo "Installing the Python packages of requirements.lock ..."
	@sed -n '/^setuptools==/,/[^\\]$$/p' requirements.lock >$(VENV)/build.lock
	@$(PIP) install --require-hashes --requirement $(VENV)/build.lock
	@$(PIP) install --require-hashes --no-build-isolation --use-pep517 --requirement requirements.lock
	@touch $@

$(VENV)/.product: pyproject.toml $(VENV)/.packages
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# Without npm the packages, which are data, are fetched and checked by their digests. What cannot be had stops nothing
# here: the build says what it means, and the next run tries again.
node_modules/.installed: package.json package-lock.json | $(PYTHON)
	@echo "Fetching the assets of package-lock.json ..."
	@if command -v npm >/dev/null; then \
	    npm ci --ignore-scripts --no-audit --no-fund --silent && touch $@; \
	else \
	    echo "npm was not found: set-up fetches them itself, from the registry that npm_config_registry names."; \
	    $(PYTHON) -m fhir_profiles.build_definitions.fetch package-lock.json node_modules && touch $@ || true; \
	fi

# beside its own code the build reads our extensions, the types we keep, the systems of identifiers and our base
fhir_profiles/definitions_r4/.built: node_modules/.installed $(wildcard fhir_profiles/build_definitions/*.py) \
    $(wildcard fhir_profiles/build_package/*.py) $(addprefix fhir_profiles/,canonical.py identifiers.py r4.py) \
    | $(VENV)/.packages
	@echo "Building the FHIR R4 definitions ..."
	@$(PYTHON) -m fhir_profiles.build_definitions node_modules
	@touch $@

# --- the lock file's own tool, apart from the product's packages

LOCK_OPTIONS := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate $(LOCK_ARGS)

build/lock/bin/uv:
	@base=$$(scripts/find-python.sh) && "$$base" -m venv build/lock
	@build/lock/bin/python -m pip install --disable-pip-version-check --quiet uv==0.13.9
