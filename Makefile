# Everything a person runs. Needs Python 3.11 or newer, and nothing else.
.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check bench faults mutants lock format clean

# Relative, so that a checkout in a folder with spaces works.
PYTHON := .venv/bin/python
MANAGE := $(PYTHON) manage.py
# A worker that has nothing left takes half of what another still has before it.
PYTEST := $(PYTHON) -m pytest -n 2 --dist worksteal

# Where it is set, each of the hundred processes that the tests start would compile all our modules again.
unexport PYTHONDONTWRITEBYTECODE

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

setup: ## Make .venv and .env; does nothing when they are up to date
	@sh scripts/setup.sh

demo: setup ## Fill the hub with sample people and their pictures
	@$(MANAGE) pg run -- $(MANAGE) demo

serve: setup ## Run the web server and the workers until Ctrl-C
	@$(MANAGE) serve

test: setup ## Run the tests on a PostgreSQL of their own
	@$(PYTEST)

# The last thing is pytest, so that its summary is the last line.
check: setup ## Everything that a change must pass: format, lint, types, layers, migrations, tests
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy .
	@.venv/bin/lint-imports
	@DEBUG=false $(MANAGE) pg run -- $(MANAGE) makemigrations --check --dry-run
	@DEBUG=false $(MANAGE) check --deploy --fail-level WARNING
	@$(PYTHON) -m djlint . --lint --quiet
	@$(PYTEST)

NAMES ?= imports jobs photos serving
bench: setup ## Run the measurements, each beside its rival (NAMES="jobs photos" for some)
	@for name in $(NAMES); do echo "$$name"; $(MANAGE) pg run -- $(MANAGE) bench $$name || exit 1; done

faults: setup ## Run the fault campaigns: killed processes, lost servers
	@KITH_FAULTS=long $(PYTHON) -m pytest -n 0 -s tests/faults tests/config/test_backup_killed.py

mutants: setup ## Take each guard of downloads, pictures and grants out and see its test fail
	@$(PYTHON) -m tests.mutants

lock: setup ## Write requirements/*.txt anew from pyproject.toml
	@for name in base dev; do \
		.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
			$$([ $$name = dev ] && echo --group dev) pyproject.toml --output-file requirements/$$name.txt || exit 1; \
	done

format: setup ## Format the code
	@$(PYTHON) -m ruff format .
	@$(PYTHON) -m ruff check --fix .

clean: ## Remove .venv and caches; data in var and settings in .env stay
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis var/static
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
