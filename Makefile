# Two front doors: `make demo` and `make test`. Each does its own set-up on a fresh machine.
PYTHON ?= python3
VENV := .venv
unexport PYTHONDONTWRITEBYTECODE  # Else each process that runs tests compiles all of them anew.
# Tests run side by side; a second thread for numbers only spins, at five times the cost.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
BIN := $(VENV)/bin

.PHONY: help demo phone style types imports quick parts whole test long steady check bench bench-quick performance proof understanding translations pictures requirements audit secrets licences sbom clean
.DEFAULT_GOAL := help

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/demo.stamp: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=/path/to/python3")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/demo.stamp requirements-dev.txt
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-dev.txt
	@touch $@

demo: $(VENV)/demo.stamp ## See the line at work on this machine: no account, no server needed
	@$(BIN)/ivr demo

phone: $(VENV)/demo.stamp ## Sit down at a pretend telephone and call the line that `make demo` runs
	@$(BIN)/ivr phone

# Side by side; what one of them prints stays together, and none is left out where another fails.
SIDE_BY_SIDE := $(MAKE) --no-print-directory --jobs 2 --keep-going $(if $(filter output-sync,$(.FEATURES)),--output-sync)

style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports

QUICK := architecture documents promises settings position voice text_meaning transfer_machine coordinator \
	conversations web_voice web_waiting web_sms webhook_refusals records_journal records_ingest \
	records_journal_adoption records_call_summary logs pseudonyms

quick: $(VENV)/test.stamp ## Style, types, imports and the tests that matter most: within a minute
	@$(SIDE_BY_SIDE) style types imports
	$(BIN)/pytest -n 2 $(QUICK:%=tests/test_%.py)

# The tests of parts compute, and those of the whole mostly wait: beside each other they fill two processors.
parts:
	nice $(BIN)/pytest -n 2 --ignore tests/real --ignore tests/long

whole:
	$(BIN)/pytest -n 3 tests/real tests/long

test: $(VENV)/test.stamp ## Everything: style, types, imports, menus, tests
	@$(SIDE_BY_SIDE) --jobs 3 whole parts style types imports check

steady: $(VENV)/test.stamp ## Run the tests with real processes six times, three beside busy loops; list what was red
	@$(BIN)/python tests/real/steady.py

long: $(VENV)/test.stamp ## Every suite at full size, on an idle machine: figures go to build/long
	@PYTHONPATH=tests $(BIN)/python -m long $(SUITES)

pictures: $(VENV)/test.stamp ## Draw the pictures in docs/pictures anew
	$(BIN)/ivr flow --svg docs/pictures/tree.svg
	$(BIN)/pytest tests/real/test_public_pages.py tests/real/test_console_story.py --rewrite -k pictures

check: $(VENV)/demo.stamp ## Find faults in menus and words
	$(BIN)/ivr check

bench: $(VENV)/test.stamp ## Measure the line beside bare Flask, and what people would notice; JSON=FILE keeps it
	@PYTHONPATH=tests $(BIN)/python -m long.side_by_side $(if $(JSON),--json $(JSON))
	@PYTHONPATH=tests $(BIN)/python -m long.line
	@PYTHONPATH=tests $(BIN)/python -m long.log

performance: $(VENV)/test.stamp ## Write docs/performance.md from the figures in build/long
	@PYTHONPATH=tests $(BIN)/python -m long.performance

proof: $(VENV)/test.stamp ## Write docs/proof.md from the figures in build/long
	@PYTHONPATH=tests $(BIN)/python -m long.proof

bench-quick: $(VENV)/test.stamp ## Compare the cost of a spoken turn with the figure that is kept
	@PYTHONPATH=tests $(BIN)/python -m long.turn_cost

understanding: $(VENV)/demo.stamp ## Learn what texts mean from phrases/: weights and thresholds, the same bytes each time
	@$(BIN)/python -m ivr.understanding.training phrases

translations: $(VENV)/demo.stamp ## Compare what translations mean with the English; LANGUAGES="fr es" compares some
	@$(BIN)/ivr prompts meanings $(LANGUAGES)

requirements: $(VENV)/test.stamp ## Pin what pyproject.toml asks for, for Python 3.11 to 3.14
	$(PYTHON) -m venv $(VENV)/pin && $(VENV)/pin/bin/pip install --quiet uv
	$(VENV)/pin/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make requirements" --group build pyproject.toml --output-file requirements.txt
	$(VENV)/pin/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make requirements" --group build --group dev pyproject.toml --output-file requirements-dev.txt

audit: $(VENV)/test.stamp ## Ask whether a pinned requirement has a known vulnerability; SERVICE=osv asks elsewhere
	@PYTHONPATH=tests $(BIN)/python -m supply_chain.audit $(if $(SERVICE),--vulnerability-service $(SERVICE))

secrets: $(VENV)/test.stamp ## Look for secrets in all files of the repository
	@PYTHONPATH=tests $(BIN)/python -m supply_chain.secret_scan

licences: $(VENV)/test.stamp ## Write docs/licences.md from what the pinned requirements say
	@PYTHONPATH=tests $(BIN)/python -m supply_chain.licences

sbom: $(VENV)/test.stamp ## Write build/sbom.json, a bill of materials (CycloneDX), and validate it
	@PYTHONPATH=tests $(BIN)/python -m supply_chain.sbom

clean: ## Remove what the other targets made
	rm -rf $(VENV) .demo .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
