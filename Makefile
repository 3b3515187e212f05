# `make` shows what there is. Only Python >= 3.11, make and a package index are needed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

VENV := .venv
PY := $(VENV)/bin/python
ENGINE := $(VENV)/bin/engine
PIP := $(PY) -m pip --disable-pip-version-check --no-input
PIP_COMPILE := $(VENV)/bin/pip-compile --quiet --strip-extras --allow-unsafe --generate-hashes \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

# The first Python that is new enough and can make environments; PYTHON=... names another.
CANDIDATES := python3 python3.13 python3.12 python3.11 python
SUITABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))

MONTH ?= 2019-01
DATASET ?= yellow
ARGS ?=

IMAGE ?= engine:dev
# Compose v2: Docker's plugin, or the program of its own.
COMPOSE ?= $(shell if docker compose version >/dev/null 2>&1; then echo docker compose; else echo docker-compose; fi)
ENGINE_SECRETS ?= ./.secrets

.PHONY: help setup dev run test check format bench lock clean image up down ps test-docker test-kestra

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/setup.stamp ## everything the engine needs, into .venv: then .venv/bin/engine is the command

dev: $(VENV)/dev.stamp ## the same with what tests and checks need

# A stamp says that a step came to its end; one that was interrupted is done again.
$(VENV)/venv.stamp:
	@set -e; for python in $(PYTHON) $(CANDIDATES); do \
		if "$$python" -c '$(SUITABLE)' >/dev/null 2>&1; then break; fi; python=; \
	done; \
	if [ -z "$$python" ]; then \
		echo "No Python >= 3.11 with venv was found. Install one (Debian: python3 python3-venv), or name it: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	echo "Environment: $$("$$python" --version) in $(VENV)"; \
	"$$python" -m venv --clear $(VENV)
	@touch $@

$(VENV)/setup.stamp: $(VENV)/venv.stamp requirements.lock pyproject.toml
	@echo "Dependencies: those of requirements.lock, checked by their hashes"
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@if [ -f engine/warm.py ]; then echo "Kernels: compiled once, cached" && $(PY) -m engine.warm; fi
	@touch $@

$(VENV)/dev.stamp: $(VENV)/setup.stamp requirements-dev.lock
	@echo "Tools: those of requirements-dev.lock, checked by their hashes"
	@$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

run: ROWS ?= 1000000
run: setup ## load a generated month, twice, and prove it: ROWS=1000000 MONTH=2019-01 DATASET=yellow
	@set -e; \
	show() { printf '\n$$ engine %s\n' "$$*"; $(ENGINE) "$$@"; }; \
	samples=$$($(PY) -c 'from engine.settings import from_environment; print(from_environment().cache / "samples")'); \
	file="$(DATASET)_tripdata_$(MONTH).csv.gz"; folder="$$samples/$(ROWS)-rows"; \
	[ -f "$$folder/$$file" ] || show sample $(DATASET) $(MONTH) --rows $(ROWS) --out "$$folder"; \
	show ingest $(DATASET) $(MONTH) --from "$$folder" --allow-shrink; \
	show ingest $(DATASET) $(MONTH) --from "$$folder" --allow-shrink; \
	show verify $(DATASET) $(MONTH); \
	show status; \
	printf '\nLook at the rows:\n'; \
	printf "  $(ENGINE) psql -c 'SELECT * FROM $(DATASET)_tripdata LIMIT 5'\n"; \
	printf "  $(ENGINE) psql                # a shell on the same server\n"

test: WORKERS ?= 2
test: dev ## run all tests, WORKERS=2 at a time; ARGS="-k sample" runs some; ENGINE_TEST_PG=postgresql://... uses a server of yours
	@$(PY) -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

check: dev ## ruff, mypy and the floors: what CI runs
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy $(wildcard engine tests benchmarks kestra)
	@$(PY) -m pytest -q tests/unit/test_floors.py

format: dev ## let ruff format and sort
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

bench: ROWS ?= 7667792
bench: dev ## measure against peers on a generated month: ROWS=7667792
	@$(PY) -m benchmarks --rows $(ROWS) $(ARGS)

lock: dev ## resolve dependencies anew and write both lock files
	@$(PIP_COMPILE) --build-deps-for=editable --output-file=requirements.lock pyproject.toml
	@$(PIP_COMPILE) --build-deps-for=editable --extra=dev --constraint=requirements.lock \
		--output-file=requirements-dev.lock pyproject.toml

image: ## build the engine's image: IMAGE=engine:dev
	@docker build --tag "$(IMAGE)" \
		--build-arg VERSION="$$(sed -n 's/^__version__ = "\(.*\)"$$/\1/p' engine/__init__.py)" \
		$$([ "$$(docker version --format '{{.Server.Arch}}')" = amd64 ] || echo --build-arg KERNEL_CPU=generic) \
		--build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" .

up down ps: export ENGINE_SECRETS := $(ENGINE_SECRETS)
up down ps: export ENGINE_IMAGE := $(IMAGE)

up: image ## start Kestra, its database and the data's, deploy the flows; passwords are made once, into .secrets
	@compose/secrets "$(ENGINE_SECRETS)" "$${COMPOSE_PROJECT_NAME:-engine}"
	@$(COMPOSE) up --detach --wait data kestra-db kestra
	@$(COMPOSE) run --rm deploy
	@echo "Kestra: http://localhost:$${KESTRA_PORT:-8080}, as $${KESTRA_USER:-admin@engine.local}, password in $(ENGINE_SECRETS)/kestra_password"

down: ## stop all of it; what was loaded stays
	@$(COMPOSE) down

ps: ## what is running, and how it is
	@$(COMPOSE) ps --all

test-docker: dev ## test image and compose.yaml with a Docker engine; ARGS="-k read_only" runs some
	@$(PY) -m pytest tests/docker $(ARGS)

test-kestra: dev ## run the flows by an embedded Kestra: needs a JDK 25, Maven, a Docker engine; ARGS="-k killed" runs some
	@$(PY) -m pytest tests/kestra $(ARGS)

clean: ## remove environment and caches; loaded months stay
	@rm -rf $(VENV) build dist engine.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis benchmarks/work tests/kestra/embedded/target
	@find engine tests -name __pycache__ -type d -prune -exec rm -rf {} +
